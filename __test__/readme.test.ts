// What README.md shows is true: its examples run and print what it says, its tables name everything there is.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as carInference from 'car-inference';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8').replaceAll('\r\n', '\n');

/** The blocks after `<!-- run -->`, each with the output block that follows it. */
const examples = [
  ...readme.matchAll(/<!-- run -->\n+```js\n(?<code>[\s\S]*?)\n```\n+```text\n(?<output>[\s\S]*?)\n```\n/g),
].map(({ groups }) => ({ code: groups?.code ?? '', output: groups?.output ?? '' }));

/** Runs a module inside the project, where `car-inference` means the project itself. Not in node_modules: nothing there does. */
async function run(code: string): Promise<{ stdout: string; stderr: string }> {
  const target = join(root, 'target');
  mkdirSync(target, { recursive: true });
  const folder = mkdtempSync(join(target, 'readme-'));
  try {
    const file = join(folder, 'example.mjs');
    writeFileSync(file, code);
    // Rejects when the exit code is not 0.
    return await promisify(execFile)(process.execPath, [file]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The rows of the table under a heading, as cells. */
function tableUnder(heading: string): string[][] {
  const section = readme.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split('|').map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')));
}

describe('README', () => {
  test('every block marked to be run is followed by its output', () => {
    expect(examples.length).toBeGreaterThan(0);
    expect(examples).toHaveLength(readme.match(/<!-- run -->/g)?.length ?? 0);
  });

  test.each(examples)('example $# prints what it says', { timeout: 30_000 }, async ({ code, output }) => {
    expect(await run(code)).toEqual({ stdout: `${output}\n`, stderr: '' });
  });

  test('the table of events names every event', () => {
    const types = readFileSync(join(root, 'native', 'types.d.ts'), 'utf8');
    const declaration = types.split('export type StreamEvent =')[1]?.split('\nexport type')[0] ?? '';
    const inTypes = [...declaration.matchAll(/"type": "([a-z-]+)"/g)].map(([, type]) => type);
    const inReadme = tableUnder('Events').map(([, type]) => type);
    expect(inReadme).toEqual(inTypes);
  });

  test('the table of errors names every code, with a class of the package', () => {
    const types = readFileSync(join(root, 'native', 'types.d.ts'), 'utf8');
    const declaration = types.split('export type ErrorCode =')[1]?.split(';')[0] ?? '';
    const codes = [...declaration.matchAll(/"([a-z-]+)"/g)].map(([, code]) => code);
    const rows = tableUnder('Errors');
    expect(rows.map(([, , code]) => code).sort()).toEqual(codes.sort());
    const exported = new Map<string, unknown>(Object.entries(carInference));
    for (const [, name = '', code] of rows) {
      const errorClass = exported.get(name) as new (message: string, options: object) => carInference.InferenceError;
      expect(new errorClass('', {}).code, name).toBe(code);
    }
  });
});
