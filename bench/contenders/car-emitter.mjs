// This package with a runner that emits, and awaits every `emit` as the README has it.
import { setInferenceRunner } from 'car-inference';
import { connect } from './car-engine.mjs';

export { connect };

export function host(works) {
  setInferenceRunner((request, { emit }) => works[request.prompt].push(emit));
}

export function create(works) {
  host(works);
  return connect();
}
