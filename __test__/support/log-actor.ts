/** Somebody else who has a durable log open: a process, or a thread of this one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

interface Answer {
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly reason?: string; readonly message: string };
}

/** What an actor was refused. */
export class Refused extends Error {
  readonly reason: string | undefined;

  constructor({ name, reason, message }: NonNullable<Answer['error']>) {
    super(`${name}: ${message}`);
    this.reason = reason;
  }
}

abstract class LogActor {
  abstract send(told: object): Promise<Answer>;

  // biome-ignore lint/suspicious/noExplicitAny: what comes back is plain data that each test looks at for itself
  async ask(command: 'open' | 'call' | 'textOf' | 'close', argument?: unknown): Promise<any> {
    const { value, error } = await this.send({ command, argument });
    if (error !== undefined) throw new Refused(error);
    return value;
  }
}

/** A process of its own, which is killed when the test is over. */
export class LogProcess extends LogActor {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;

  constructor() {
    super();
    const script = fileURLToPath(new URL('./processes/log-actor.mjs', import.meta.url));
    this.#process = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = once(this.#process, 'exit');
    const { stdout } = this.#process;
    if (stdout === null) throw new Error('the process has no output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  async send(told: object): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify(told)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the process is gone');
    return JSON.parse(value);
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }
}

/** A thread of this process, which is ended when the test is over. */
export class LogThread extends LogActor {
  readonly #worker = new Worker(new URL('./workers/log-actor.mjs', import.meta.url));

  constructor() {
    super();
    onTestFinished(() => this.terminate());
  }

  async send(told: object): Promise<Answer> {
    this.#worker.postMessage(told);
    const [answer] = await once(this.#worker, 'message');
    return answer;
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }
}
