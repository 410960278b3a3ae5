// What a person sees while a long step runs: its name, a sign of life for silent ones, its time, its end.
const heartbeat_ms = 10_000;

export function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** A step failed and has been reported: entry scripts end with exit code 1, without a stack. */
export class StepFailure extends Error {
  constructor(title, output) {
    super(`${title} failed`);
    this.output = output;
  }
}

/**
 * Runs `work` under a title and resolves to its result, a `{ code, output }` as command.mjs returns it.
 * `quiet` steps print nothing themselves, so they get a line every ten seconds and their output when they fail.
 * `hint` says beforehand how long it may take.
 */
export async function step(title, work, { quiet = false, hint = '' } = {}) {
  const startedAt = performance.now();
  console.log(`▸ ${title}${hint && ` (${hint})`}`);
  const timer = quiet ? setInterval(() => console.log(`  … ${title}: ${seconds(startedAt)}`), heartbeat_ms) : undefined;
  let result;
  try {
    result = await work();
  } finally {
    clearInterval(timer);
  }
  if (result.code !== 0) {
    if (result.output) process.stderr.write(`${result.output.trimEnd()}\n`);
    console.error(`✗ ${title} failed after ${seconds(startedAt)} (exit code ${result.code})`);
    throw new StepFailure(title, result.output);
  }
  console.log(`✓ ${title} (${seconds(startedAt)})`);
  return result;
}

/** The body of an entry script: failures already reported end it with exit code 1, anything else is a bug and throws. */
export async function entry(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof StepFailure)) throw error;
    process.exitCode = 1;
  }
}
