// CPU time since a moment, in microseconds: of all threads of the process (garbage collection, compilation and Rust's own
// threads included), and of the calling thread alone.
function sum({ user, system }) {
  return user + system;
}

export function cpuTime() {
  const process_ = process.cpuUsage();
  const thread = process.threadCpuUsage();
  return () => ({
    allThreads: sum(process.cpuUsage(process_)),
    thisThread: sum(process.threadCpuUsage(thread)),
  });
}
