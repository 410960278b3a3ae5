// One file and the processes that are killed over it, one after the other.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EventLog } from 'car-inference';
import { Random } from '../soak/random.mjs';
import { compare } from './compare.mjs';
import { Lines, Told } from './told.mjs';

export const MODES = ['relaxed', 'call', 'strict', 'event'];
/** Kills of one file. */
export const ROUNDS_OF_A_SERIES = 8;
/** Numbers of calls that each process has for itself. */
const CALLS_MAX = 100_000;
/** Calls after which a process closes the log and opens it again. */
const CALLS_OF_SHORT_SESSION = 30;
const SESSIONS = [CALLS_OF_SHORT_SESSION, 100, CALLS_MAX];

const child = fileURLToPath(new URL('child.mjs', import.meta.url));

/** What is done with a file, told by its seed alone. */
export function seriesOf(seed) {
  const random = new Random(seed);
  const durability = MODES[seed % MODES.length];
  const variant = random.of([{}, {}, { fullTextSearch: true }, { key: '5a'.repeat(32) }]);
  const { key, ...options } = variant;
  const size = random.next() < 0.125 ? 'large' : 'small';
  // In turn, so that a few series have each of them.
  const callsOfSession = SESSIONS[Math.floor(seed / MODES.length) % SESSIONS.length];
  return { seed, durability, size, key, options: { ...options, durability }, callsOfSession, erases: true, random };
}

/** What a process has said last when it is killed: so many lines, or a step. And how many turns later that is. */
function momentOf({ random, callsOfSession }) {
  const later = random.integer(0, 20);
  const lines = random.integer(3, 450);
  const chance = random.next();
  // While it opens the log, which is when it closes what the one before left open.
  if (chance < 0.25) return { step: 'opening', lines, later };
  if (chance < 0.3) return { step: 'opened', lines, later };
  if (chance < 0.4) return { step: 'erasing', lines, later };
  const closes = callsOfSession === CALLS_OF_SHORT_SESSION;
  if (chance < 0.6 && closes) return { step: 'closing', lines: 10_000, later };
  return { step: undefined, lines, later };
}

/**
 * Kills processes over one file, `rounds` in all.
 *
 * @returns {Promise<{ kills: number, killsWhileOpening: number, killsWhileClosing: number, looks: number, endings: number, interrupted: number,
 *   problems: string[], folder: string }>} the folder is there only when there are problems
 */
export async function runSeries(seed, rounds) {
  const series = seriesOf(seed);
  const folder = mkdtempSync(join(tmpdir(), 'car-inference-crash-'));
  const path = join(folder, 'calls.db');
  const told = new Told();
  const kept = new Map();
  const outcome = {
    kills: 0,
    killsWhileOpening: 0,
    killsWhileClosing: 0,
    looks: 0,
    endings: 0,
    interrupted: 0,
    problems: [],
  };
  for (let round = 0; round < rounds && outcome.problems.length === 0; round += 1) {
    const moment = momentOf(series);
    const { step, problem } = await runAndKill({ ...series, path, first: round * CALLS_MAX }, moment, told);
    outcome.kills += 1;
    if (step === 'opening') outcome.killsWhileOpening += 1;
    if (step === 'closing') outcome.killsWhileClosing += 1;
    if (problem !== undefined) outcome.problems.push(problem);
    // Now and then the next process finds what several have left.
    if (round + 1 < rounds && series.random.next() < 0.3) continue;
    const found = await look(path, series, told, kept);
    outcome.looks += 1;
    outcome.interrupted = found.interrupted;
    outcome.problems.push(...found.problems.map((text) => `round ${round + 1}: ${text}`));
  }
  outcome.endings = told.endings;
  if (outcome.problems.length === 0) rmSync(folder, { recursive: true });
  return { ...outcome, folder };
}

/**
 * Runs a process over a log until it has said so many lines.
 *
 * @returns {Promise<{ step: string, problem?: string }>} how far it came; what is wrong when it was not killed
 */
export async function runAndKill({ path, key, options, seed, first, size, callsOfSession, erases }, moment, told) {
  const args = JSON.stringify({ path, key, options, seed, first, size, callsOfSession, erases });
  const process_ = spawn(process.execPath, [child, args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve, reject) => {
    process_.once('error', reject);
    process_.once('close', (code, signal) => resolve({ code, signal }));
  });
  let stderr = '';
  process_.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const kill = async () => {
    for (let turns = 0; turns < moment.later; turns += 1) await turn();
    process_.kill('SIGKILL');
  };
  const lines = new Lines();
  let [count, step] = [0, 'starting'];
  process_.stdout.setEncoding('utf8').on('data', (text) => {
    for (const line of lines.of(text)) {
      const said = JSON.parse(line);
      if (said.call === undefined) step = said.step;
      told.take(said);
      count += 1;
      const isStep = said.step !== undefined && said.step === moment.step;
      if (isStep || count === moment.lines) kill();
    }
  });
  const { code, signal } = await ended;
  const problem = `the process ended by itself, with ${signal ?? code}: ${stderr}`;
  return { step, problem: signal === 'SIGKILL' && stderr === '' ? undefined : problem };
}

async function look(path, series, told, kept) {
  const key = series.key && Buffer.from(series.key, 'hex');
  let log;
  try {
    log = await EventLog.open(path, { ...series.options, ...(key && { key }) });
    return await compare(log, series, told, kept);
  } catch (error) {
    return { problems: [`opening it again: ${error.stack}`], calls: 0, interrupted: 0 };
  } finally {
    await log?.close();
  }
}
