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
];
