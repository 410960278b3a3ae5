/**
 * What a runner threw, as plain data that Rust can carry. The value may be anything and hostile: every read is guarded,
 * everything is bounded. The value itself never crosses; it stays in this realm under a number.
 */

import { type CauseFacts, causesOf, describeCause, messageOfThrown, messageWithCauses } from './error-chain';
import { describe } from './json';
import { nameOf, type ProviderFailure, providerFailureOf } from './provider-failure';
import { isErrorStatus } from './retryable';
import { RunnerDeclinedError } from './runner-errors';
import { bounded, readText } from './thrown-values';

/** The `error` of an outcome, as the addon expects it. */
export interface ThrownFacts extends ProviderFailure {
  kind: 'declined' | 'failed';
  message: string;
  name?: string;
  causes?: CauseFacts[];
  causeId?: number;
  stack?: string;
}

const MESSAGE_MAX = 8 * 1024;
const STACK_MAX = 16 * 1024;

export function describeThrown(thrown: unknown): ThrownFacts {
  const facts: ThrownFacts = {
    kind: RunnerDeclinedError.isInstance(thrown) ? 'declined' : 'failed',
    message: bounded(thrown === undefined ? 'undefined was thrown' : messageOfThrown(thrown), MESSAGE_MAX),
  };
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return facts;

  const behind = causesOf(thrown);
  const causes = behind.map(describeCause);
  facts.message = bounded(messageWithCauses(facts.message, causes), MESSAGE_MAX);
  if (facts.message === '') facts.message = `the runner threw ${describe(thrown)} without a message`;
  if (causes.length > 0) facts.causes = causes;
  const name = nameOf(thrown);
  if (name !== undefined) facts.name = name;
  const stack = readText(thrown, 'stack');
  if (stack !== undefined) facts.stack = bounded(stack, STACK_MAX);
  return Object.assign(facts, firstStated([thrown, ...behind.filter((cause) => typeof cause === 'object')]));
}

/**
 * Each fact is taken from the outermost error that states it. A wrapper states fewer facts than the SDK's error inside it,
 * but its facts are newer. `retryable` of an inner error is ignored when an error further out has the status of an error,
 * because then the status decides about retries.
 */
function firstStated(errors: readonly object[]): ProviderFailure {
  const stated: ProviderFailure = {};
  for (const error of errors) {
    const { retryable, ...facts } = providerFailureOf(error);
    if (retryable !== undefined && !isErrorStatus(stated.status)) stated.retryable ??= retryable;
    for (const [key, value] of Object.entries(facts)) (stated as Record<string, unknown>)[key] ??= value;
  }
  return stated;
}
