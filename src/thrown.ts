/**
 * What a runner threw, as plain data that Rust can carry. The value may be anything and hostile: every read is guarded,
 * everything is bounded. The value itself never crosses; it stays in this realm under a number.
 */

import { type CauseFacts, causesOf, describeCause, messageWithCauses } from './error-chain';
import { describe, messageOf } from './json';
import { nameOf, type ProviderFailure, providerFailureOf } from './provider-failure';
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
    message: bounded(thrown === undefined ? 'undefined was thrown' : messageOf(thrown), MESSAGE_MAX),
  };
  if ((typeof thrown !== 'object' && typeof thrown !== 'function') || thrown === null) return facts;

  const behind = causesOf(thrown);
  const causes = behind.map(describeCause);
  facts.message = bounded(messageWithCauses(facts.message, causes), MESSAGE_MAX);
  if (facts.message === '') facts.message = `${describe(thrown)} without a message was thrown`;
  if (causes.length > 0) facts.causes = causes;
  const name = nameOf(thrown);
  if (name !== undefined) facts.name = name;
  const stack = readText(thrown, 'stack');
  if (stack !== undefined) facts.stack = bounded(stack, STACK_MAX);
  return Object.assign(facts, firstStated([thrown, ...behind]));
}

/**
 * Each fact is taken from the outermost error that states it. A wrapper states fewer facts than the SDK's error inside it,
 * but its facts are newer. `retryable` of an inner error is ignored when an error further out has a status, because then
 * the status decides about retries.
 */
function firstStated(errors: readonly object[]): ProviderFailure {
  const stated: ProviderFailure = {};
  for (const error of errors) {
    const { retryable, ...facts } = providerFailureOf(error);
    if (retryable !== undefined && stated.status === undefined) stated.retryable ??= retryable;
    for (const [key, value] of Object.entries(facts)) (stated as Record<string, unknown>)[key] ??= value;
  }
  return stated;
}
