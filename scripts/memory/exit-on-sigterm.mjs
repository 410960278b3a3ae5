// Preloaded into processes that are ended with a signal, so that they end by themselves and are looked at.
process.on('SIGTERM', () => process.exit());
