// Our own Markdown: a relative link names a file that exists, an anchor names a heading that exists.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { projectRoot } from '../project.mjs';

const foldersOfOthers = new Set(['node_modules', 'target', 'dist', '.git']);

function* markdownFiles(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!foldersOfOthers.has(entry.name)) yield* markdownFiles(path);
    } else if (entry.name.endsWith('.md')) {
      yield path;
    }
  }
}

/** Code is not prose: what looks like a link there is none. */
function withoutCode(text) {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');
}

function linksOf(text) {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s*<?([^\s>]+)/gm)];
  return [...inline, ...references].map(([, target]) => target);
}

/** The anchors as GitHub makes them: lower case, punctuation gone, blanks to hyphens, repeated ones numbered. */
function anchorsOf(text) {
  const anchors = new Set();
  const seen = new Map();
  for (const [, heading] of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain.replace(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  return anchors;
}

function problemOf(file, text, link) {
  const [path, anchor] = decodeURI(link).split('#');
  const target = path === '' ? file : resolve(dirname(file), path);
  if (relative(projectRoot, target).startsWith('..')) return 'leaves the project';
  if (!existsSync(target)) return 'no such file';
  if (!anchor || !target.endsWith('.md') || statSync(target).isDirectory()) return undefined;
  const targetText = target === file ? text : readFileSync(target, 'utf8');
  return anchorsOf(targetText).has(anchor) ? undefined : 'no such heading';
}

export function checkMarkdownLinks() {
  const problems = [];
  for (const file of markdownFiles(projectRoot)) {
    const text = readFileSync(file, 'utf8');
    for (const link of linksOf(text)) {
      if (/^[a-z][a-z+.-]*:/i.test(link)) continue;
      const problem = problemOf(file, text, link);
      if (problem) problems.push(`${relative(projectRoot, file)}: ${link}: ${problem}`);
    }
  }
  return problems.length === 0 ? { outcome: 'passed' } : { outcome: 'failed', detail: problems.join('\n') };
}
