/** Real processes that use the package as a host does. */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Node versions to try: the one that runs the tests, and the host's own where npm runs under another. */
export function nodes(): string[] {
  const found = [process.execPath, process.env.npm_node_execpath ?? ''].filter(
    (path) => path !== '' && existsSync(path),
  );
  return [...new Set(found.map((path) => realpathSync(path)))];
}

export interface RunOptions {
  readonly node?: string;
  /** Node's own options. */
  readonly flags?: readonly string[];
  /** The script's arguments. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a script of `processes/` to its end. Warnings of Node are left on: a quiet stderr is part of the promise. */
export function runScript(name: string, node = process.execPath): Promise<Exit> {
  return run(name, { node, flags: ['--unhandled-rejections=warn'] });
}

/** Runs a script of `processes/` to its end, as Node runs it by default. */
export function run(name: string, { node = process.execPath, flags = [], args = [], env }: RunOptions): Promise<Exit> {
  const script = fileURLToPath(new URL(`./processes/${name}`, import.meta.url));
  const { NODE_OPTIONS: _options, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(node, [...flags, script, ...args], {
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** What a script has said: one JSON value a line. */
export function saidBy({ stdout }: Exit): unknown[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** What a process writes that did not end of its own will. */
export const CRASH = /panicked|FATAL ERROR|Assertion|core dumped|Segmentation|free\(\)|SIG(SEGV|ABRT|BUS|ILL)/;
