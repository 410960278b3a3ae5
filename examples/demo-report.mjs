// How the demo says what it shows, and whether it ended as it should.
let failed = 0;

export function heading(text) {
  console.log(`\n── ${text}`);
}

/** One expectation: said with ✓ when it holds, with ✗ when it does not. */
export function check(what, holds) {
  if (!holds) failed += 1;
  console.log(`${holds ? '✓' : '✗'} ${what}`);
}

export function failures() {
  return failed;
}
