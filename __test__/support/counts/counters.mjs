// Counts what the package does: its calls into the addon, JSON, clocks, and what Node makes for it (promises, timers,
// ticks). Imported before the package, which then finds counting functions where it expects the real ones.
import { createHook } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

const addon = createRequire(import.meta.url)('../../../native/index.js');

/** By name, how often so far. */
const counts = new Map();

function count(name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Puts a function that counts its calls in the place of each of these functions of an object. */
function countCalls(object, names, nameOf) {
  for (const name of names) {
    const counted = nameOf(name);
    // A proxy, because the package takes another function of JavaScript for a fake clock.
    object[name] = new Proxy(object[name], {
      apply(original, self, args) {
        count(counted);
        return Reflect.apply(original, self, args);
      },
    });
  }
}

countCalls(
  addon,
  Object.keys(addon).filter((name) => typeof addon[name] === 'function'),
  (name) => `native ${name}`,
);
countCalls(JSON, ['parse', 'stringify'], (name) => `JSON.${name}`);
// The package takes it from the prototype, where no fake replaces it.
countCalls(Object.getPrototypeOf(performance), ['now'], () => 'clock readings');
countCalls(Date, ['now'], () => 'clock readings');

// What is registered and never taken back outlives every minor collection.
const registry = FinalizationRegistry.prototype;
for (const name of ['register', 'unregister']) {
  const original = registry[name];
  registry[name] = function (...args) {
    count(`finalizers ${name}`);
    return original.apply(this, args);
  };
}

const resources = { PROMISE: 'promises', Timeout: 'timers', Immediate: 'immediates', TickObject: 'ticks' };
createHook({
  init(_id, type) {
    count(resources[type] ?? type);
  },
}).enable();

/** @returns what has been counted so far. */
export function snapshot() {
  return new Map(counts);
}

/** @returns what was counted between two snapshots, divided by `times`. */
export function difference(before, after, times = 1) {
  const names = [...after.keys()].toSorted();
  const entries = names.map((name) => [name, (after.get(name) - (before.get(name) ?? 0)) / times]);
  return new Map(entries.filter(([, value]) => value !== 0));
}
