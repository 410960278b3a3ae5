// Across threads in plain JavaScript: the floor in the runner's thread, then one `postMessage` for each event. Its runner
// is not slowed by its consumer.
import { create } from './floor.mjs';

/** Answers the requests of the workers. */
export function host(works, workers) {
  const { open } = create(works);
  const answer = async (worker, { id, work }) => {
    for await (const event of open(work)) worker.postMessage({ id, event });
  };
  for (const worker of workers) {
    worker.on('message', (message) => {
      if (message.id !== undefined) answer(worker, message);
    });
  }
}

/** The events of one stream that came and wait, or the one pull that waits. */
class Inbox {
  #events = [];
  #taken = 0;
  #pull;
  #isOver = false;

  push(event) {
    if (this.#pull) {
      this.#pull({ done: false, value: event });
      this.#pull = undefined;
    } else {
      this.#events.push(event);
    }
  }

  next() {
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    if (this.#taken < this.#events.length) {
      const value = this.#events[this.#taken];
      this.#taken += 1;
      return Promise.resolve(this.#end({ done: false, value }));
    }
    this.#events.length = 0;
    this.#taken = 0;
    return new Promise((resolve) => {
      this.#pull = (result) => resolve(this.#end(result));
    });
  }

  #end(result) {
    this.#isOver = result.value.type === 'done';
    return result;
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

export function connect(port) {
  const inboxes = new Map();
  let lastId = 0;
  port.on('message', ({ id, event }) => {
    if (id === undefined) return;
    inboxes.get(id).push(event);
    if (event.type === 'done') inboxes.delete(id);
  });
  return {
    open(work) {
      lastId += 1;
      const inbox = new Inbox();
      inboxes.set(lastId, inbox);
      port.postMessage({ id: lastId, work });
      return inbox;
    },
  };
}
