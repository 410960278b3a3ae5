// As car-generator, with a durable log.
import { host } from './car-generator.mjs';
import { connect } from './durable-engine.mjs';

export function create(works) {
  host(works);
  return connect();
}
