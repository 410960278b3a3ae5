// Logs of many calls, as the example `generate-log` writes them. Kept in target/ between runs: a million takes a minute.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}target/bench-log/generated`;
/** What decides what is in the file. */
const sources = [
  'examples/generate-log.rs',
  'src/log/sqlite/schema.rs',
  'src/log/sqlite/text_index.rs',
  'src/log/sqlite/write_rows.rs',
  'src/log/words.rs',
];

function sourcesHash() {
  const hash = createHash('sha256');
  for (const source of sources) hash.update(readFileSync(`${root}crates/car-inference/${source}`));
  return hash.digest('hex').slice(0, 8);
}

function run(command, args) {
  const { status, error, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
}

export function generatedFile({ calls, hasTextIndex }) {
  return `${folder}/calls-${calls}${hasTextIndex ? '-text' : ''}-${sourcesHash()}.db`;
}

/** Makes the file unless it is there. @param profile with which the generator is built. */
export function generate({ calls, hasTextIndex, profile }) {
  const file = generatedFile({ calls, hasTextIndex });
  if (existsSync(file)) return;
  const startedAt = performance.now();
  console.log(`▸ generate ${file}`);
  mkdirSync(folder, { recursive: true });
  const example = ['build', '--quiet', '-p', 'car-inference', '--example', 'generate-log'];
  run('cargo', profile === 'release' ? [...example, '--release'] : example);
  const unfinished = `${file}.unfinished`;
  for (const suffix of ['', '-wal', '-shm', '-lock']) rmSync(`${unfinished}${suffix}`, { force: true });
  const generator = `${root}target/${profile === 'release' ? 'release' : 'debug'}/examples/generate-log`;
  run(generator, [unfinished, String(calls), hasTextIndex ? 'text-index' : 'no-text-index']);
  rmSync(`${unfinished}-lock`, { force: true });
  renameSync(unfinished, file);
  console.log(`✓ generated (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
}
