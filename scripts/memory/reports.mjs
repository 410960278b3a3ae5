// Where the tools write: one file a process, in a folder of its own for each run.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inProject } from '../project.mjs';

export class Reports {
  #folder;

  constructor(name) {
    this.#folder = inProject('target', 'memory', name.replaceAll(/[^a-z0-9]+/gi, '-'));
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
  }

  /** The beginning of the files' names; the tool adds the process's number. */
  get prefix() {
    return join(this.#folder, 'process');
  }

  /** What was written, one text a process. */
  read() {
    return readdirSync(this.#folder).map((file) => readFileSync(join(this.#folder, file), 'utf8'));
  }
}
