/** Splits a model that a host passes into its schema, which Rust reads, and its runner, which stays here. Validates neither. */

import type { ModelSchema, ModelSource } from '../native/types';
import type { RunnerLike } from './runner';

/** A model as you pass it to an engine. */
export interface ModelInput extends Omit<ModelSchema, 'source'> {
  /** How the model is served. Default: by a runner, without a hint. */
  source?: ModelInputSource | undefined;
}

/** How a model is served, as you pass it to an engine. */
export type ModelInputSource = Omit<ModelSource, 'type'> & {
  /** Default: `'delegated'`, to a runner. */
  type?: ModelSource['type'] | undefined;
  /** A runner for this model only. It is tried before the engine's own runner. */
  runner?: RunnerLike | undefined;
};

export interface SplitModel {
  readonly schema: unknown;
  /** Undefined when there is none. */
  readonly runner: unknown;
}

/** A model that cannot be read is not split: encoding it as JSON reports where reading fails. */
export function splitModel(model: unknown): SplitModel {
  try {
    const source = fieldOf(model, 'source');
    const runner = fieldOf(source, 'runner');
    if (runner === undefined) return { schema: model, runner };
    const { runner: _, ...rest } = source as Record<string, unknown>;
    return { schema: { ...(model as object), source: rest }, runner };
  } catch {
    return { schema: model, runner: undefined };
  }
}

/** The models of an engine's options; empty unless one of them has a runner. */
export function splitModels(options: object): SplitModel[] {
  try {
    const { models } = options as { models?: unknown };
    if (!Array.isArray(models)) return [];
    const split = models.map((model: unknown) => splitModel(model));
    return split.some(({ runner }) => runner !== undefined) ? split : [];
  } catch {
    return []; // As above.
  }
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
