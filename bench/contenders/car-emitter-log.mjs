// As car-emitter, with a durable log.
import { host } from './car-emitter.mjs';
import { connect } from './durable-engine.mjs';

export function create(works) {
  host(works);
  return connect();
}
