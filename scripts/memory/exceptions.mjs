// Findings with our addon on their stack that are known and not ours to fix; each with its reason. Keep this short.

export const exceptions = [
  {
    // For each environment that loads an addon, napi-rs makes a thread-safe function of its own and never releases it.
    // Node frees one only when it has been released, so about 1 KB stays for each worker that has come and gone; an
    // empty worker leaves several times as much. Our own bell is not made while the addon is being loaded,
    // and is released.
    reason: "napi-rs's own thread-safe function of a worker",
    stack:
      /\bnapi_create_threadsafe_function\b.*\n(?:.*\bcreate_custom_gc\b.*\n)?.*\n.*\bnapi_module_register_by_symbol\b/,
  },
  {
    // The same of two references to `Reflect`, 40 bytes each, that napi-rs keeps for each environment.
    reason: "napi-rs's own references of a worker",
    stack: /\bnapi_create_reference\b.*\n.*\bcache_reflect_intrinsics_for_env\b/,
  },
  {
    // Node 20 leaves processes without taking their isolate down, and V8's heap with it. What V8 allocates for its own
    // pages while an addon is being loaded has the addon on its stack; the same reports name hundreds that have not.
    reason: "V8's own heap",
    stack: /^\s*#0 .*\n\s*#1 v8::internal::(?:Heap|MemoryChunk|Page)/,
  },
];
