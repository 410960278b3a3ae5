// This package with a runner that emits, and awaits every `emit` as the README has it.
import { createEngine } from './car-engine.mjs';

export function create(works) {
  return createEngine((request, { emit }) => works[request.prompt].push(emit));
}
