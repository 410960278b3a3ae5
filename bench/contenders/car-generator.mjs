// This package with a runner that yields.
import { createEngine } from './car-engine.mjs';

export function create(works) {
  return createEngine((request) => works[request.prompt].pull());
}
