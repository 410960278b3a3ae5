// How the soak's process is started.
export const nodeFlags = [
  '--expose-gc',
  '--disable-warning=ExperimentalWarning', // of v8.queryObjects
  // V8 lets the space of new objects grow for minutes before it stays; here it has its size from the start.
  ...['--min-semi-space-size=16', '--max-semi-space-size=16'],
];
