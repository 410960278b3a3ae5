/** A model as a host gives it, apart: the schema, which Rust reads, and the runner, which stays here. Judges neither. */

import type { ModelSchema, ModelSource } from '../native/types';
import type { RunnerLike } from './runner';

/** A model as an engine is given it. */
export interface ModelInput extends Omit<ModelSchema, 'source'> {
  /** Who serves it. Default: a registered runner, without a hint. */
  source?: ModelInputSource | undefined;
}

/** Who serves a model, as an engine is given it. */
export type ModelInputSource = ModelSource & {
  /** A runner for this model alone. It is asked before the engine's own. */
  runner?: RunnerLike | undefined;
};

export interface SplitModel {
  readonly schema: unknown;
  /** Undefined when there is none. */
  readonly runner: unknown;
}

/** A model that cannot be read stays whole: whoever writes it as JSON finds out where, and says so. */
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

/** The models of an engine's options; none unless one of them has a runner. */
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
