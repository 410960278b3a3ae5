// The log of those who have none of their own: one JSON line for each event into a buffer. The buffer is emptied where a
// writer would hand it to the disk, so it costs no memory and nothing is ever written.
const linesMax = 1024;
const lines = [];

export function writeLine(event) {
  if (lines.length === linesMax) lines.length = 0;
  lines.push(JSON.stringify(event));
}
