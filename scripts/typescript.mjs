// src/*.ts → dist/*.d.ts, checked, and dist/index.js.
import { rmSync } from 'node:fs';
import { capture } from './command.mjs';
import { step } from './progress.mjs';
import { inProject, toolEnvironment } from './project.mjs';

export async function compileTypeScript() {
  // Removed first, so that a source file that is gone is gone from the package too.
  rmSync(inProject('dist'), { recursive: true, force: true });
  const env = toolEnvironment();
  await step('compile TypeScript', () => capture('tsc', ['-p', 'tsconfig.json'], { env }), { quiet: true });
  await step('bundle JavaScript', () => capture('rolldown', ['-c', 'rolldown.config.mjs'], { env }), { quiet: true });
}
