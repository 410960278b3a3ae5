// One external command: runs it, tells how it ended. Decides nothing about what a failure means.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { projectRoot } from './project.mjs';

// npm and the commands of node_modules are .cmd files on Windows, which only a shell starts.
const shell = process.platform === 'win32';

function start(command, args, options, stdio) {
  return spawn(command, args, { cwd: projectRoot, env: process.env, shell, ...options, stdio });
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 127, error }));
    child.once('close', (code, signal) => resolve({ code: code ?? 1, signal }));
  });
}

/** Runs a command whose output goes straight to the terminal; `onLine` sees each line of its standard output. */
export async function stream(command, args, { onLine, ...options } = {}) {
  const child = start(command, args, options, ['ignore', onLine ? 'pipe' : 'inherit', 'inherit']);
  const end = ended(child);
  if (onLine && child.stdout) {
    for await (const line of createInterface({ input: child.stdout })) {
      process.stdout.write(`${line}\n`);
      onLine(line);
    }
  }
  const { code, error } = await end;
  return { code, output: error ? error.message : '' };
}

/** Runs a command silently and returns what it printed, both streams in the order of arrival. */
export async function capture(command, args, options = {}) {
  const child = start(command, args, options, ['ignore', 'pipe', 'pipe']);
  const end = ended(child);
  const output = [];
  const stdout = [];
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout.push(text);
    output.push(text);
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => output.push(text));
  const { code, error } = await end;
  if (error) output.push(error.message);
  return { code, output: output.join(''), stdout: stdout.join('') };
}
