// This package with a runner that yields.
import { setInferenceRunner } from 'car-inference';
import { connect } from './car-engine.mjs';

export { connect };

export function host(works) {
  setInferenceRunner((request) => works[request.prompt].pull());
}

export function create(works) {
  host(works);
  return connect();
}
