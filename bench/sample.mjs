// Runs one measurement of one contender once, in a child process, and returns its figures.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));
/** A sample that takes this long hangs. */
const timeout_ms = 600_000;

/** @throws Error with what the child wrote, when it brought no figures. */
export function takeSample({ measurement: { name, module = `./measurements/${name}.mjs` }, contender, parameters }) {
  const order = JSON.stringify({ module, contender, parameters });
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, ['--expose-gc', child, order], {
      timeout: timeout_ms,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const [, stdout, stderr, result] = running.stdio;
    let figures = '';
    let output = '';
    result.setEncoding('utf8').on('data', (text) => {
      figures += text;
    });
    for (const stream of [stdout, stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    }
    running.once('error', reject);
    running.once('close', (code, signal) => {
      if (code === 0 && figures !== '') resolve(JSON.parse(figures));
      else reject(new Error(`${name} of ${contender} ended with ${signal ?? code}:\n${output.trimEnd()}`));
    });
  });
}
