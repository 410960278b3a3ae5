// Every check, in the order in which they run: the cheap ones first.
import { countInstructions } from '../count/instructions.mjs';
import { cargoDenyAdvisories, cargoDenyRules } from './cargo-deny.mjs';
import { command } from './command-check.mjs';
import { compareGenerated } from './generated-drift.mjs';
import { checkMarkdownLinks } from './markdown-links.mjs';
import { auditEverything, auditRuntime } from './npm-audit.mjs';

const seedCompat = ['--manifest-path', '__test__/seed-compat/Cargo.toml'];
const clippy = ['clippy', '--all-targets', '--all-features'];
const denyWarnings = ['--', '-D', 'warnings'];

export function checks(generatedBefore) {
  return [
    { name: 'cargo fmt', check: () => command('cargo', ['fmt', '--all', '--check']) },
    { name: 'cargo fmt (seed-compat)', check: () => command('cargo', ['fmt', '--check', ...seedCompat]) },
    { name: 'biome', check: () => command('biome', ['ci', '--colors=off', '--error-on-warnings']) },
    { name: 'Markdown links', check: checkMarkdownLinks },
    { name: 'TypeScript', check: () => command('tsc', ['-p', 'tsconfig.json', '--noEmit']) },
    {
      name: 'TypeScript (public types)',
      check: () => command('tsc', ['-p', '__test__/types/tsconfig.json', '--noEmit']),
    },
    { name: 'cargo clippy', check: () => command('cargo', [...clippy, '--workspace', ...denyWarnings]) },
    { name: 'cargo clippy (seed-compat)', check: () => command('cargo', [...clippy, ...seedCompat, ...denyWarnings]) },
    {
      name: 'cargo doc',
      check: () => command('cargo', ['doc', '--workspace', '--no-deps'], { RUSTDOCFLAGS: '-D warnings' }),
    },
    { name: 'instruction counts', check: () => countInstructions('compare') },
    { name: 'generated files', check: () => compareGenerated(generatedBefore) },
    { name: 'publint', check: () => command('publint', ['run', '--strict']) },
    { name: 'attw', check: () => command('attw', ['--pack', '.', '--profile', 'node16']) },
    { name: 'cargo deny (rules)', check: cargoDenyRules },
    { name: 'cargo deny (advisories)', check: cargoDenyAdvisories },
    { name: 'npm audit (runtime)', check: auditRuntime },
    { name: 'npm audit (everything)', check: auditEverything },
  ];
}
