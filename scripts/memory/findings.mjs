// What a memory tool reported, and whether it is ours. Node and its engine have findings of their own in every process;
// one is ours when a frame of its stacks lies in our addon, whoever allocated on our behalf.
import { exceptions } from './exceptions.mjs';

const addon = /car-inference[^/]*\.node/;

/**
 * @typedef {object} Finding
 * @property {string} what in one line
 * @property {string} stack as the tool prints it, one frame a line
 */

export function isOurs({ stack }) {
  return addon.test(stack) && !exceptions.some((exception) => exception.stack.test(stack));
}

/** The findings in a report of LeakSanitizer: paragraphs that begin with what leaked. */
export function leakSanitizerFindings(report) {
  return report.split(/\n\s*\n/).flatMap((paragraph) => {
    const [, what, stack] = /((?:Direct|Indirect) leak of [^\n]*)\n([\s\S]*)/.exec(paragraph) ?? [];
    return what === undefined ? [] : [{ what, stack: stack.trimEnd() }];
  });
}

function unescaped(xml) {
  return xml.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

function field(xml, name) {
  const text = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(xml)?.[1];
  return text === undefined ? '' : unescaped(text);
}

/** The findings in a report of valgrind: the errors of its XML. */
export function valgrindFindings(report) {
  return [...report.matchAll(/<error>([\s\S]*?)<\/error>/g)].map(([, error]) => {
    const frames = [...error.matchAll(/<frame>([\s\S]*?)<\/frame>/g)].map(([, frame]) => {
      const at = field(frame, 'file') === '' ? '' : ` ${field(frame, 'file')}:${field(frame, 'line')}`;
      return `    ${field(frame, 'fn') || '?'}${at} (${field(frame, 'obj')})`;
    });
    const what = field(error, 'what') || field(error, 'text');
    return { what: `${field(error, 'kind')}: ${what}`, stack: frames.join('\n') };
  });
}
