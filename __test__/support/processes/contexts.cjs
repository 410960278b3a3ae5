// The package in several vm contexts of one thread, as test runners load it: own globals, own modules, a copy of
// `process`. `addon` says how `.node` files get there: by Node's own cache, as with Jest, or each time anew.
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { createRequire, isBuiltin } = require('node:module');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');

const [, , addon, scenario] = process.argv;
const entry = require.resolve('car-inference');
const say = (what) => console.log(JSON.stringify(what));
const REQUEST = { model: 'm', prompt: 'hi' };
const MODELS = [{ id: 'm', source: { type: 'delegated' } }];

/** `prepare` is given the context's `require` before the package is loaded. */
function newContext(prepare) {
  const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, queueMicrotask } = globalThis;
  const { AbortController, ReadableStream } = globalThis;
  const copy = Object.assign(Object.create(Object.getPrototypeOf(process)), process);
  Object.assign(copy, { _events: { ...process._events }, emitWarning: (warning) => say({ warning: String(warning) }) });
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, queueMicrotask };
  const context = vm.createContext({ ...timers, AbortController, ReadableStream, process: copy });
  const modules = new Map();
  function load(path) {
    if (path.endsWith('.node') && addon === 'cached') return require(path);
    if (modules.has(path)) return modules.get(path).exports;
    const module = { exports: {} };
    modules.set(path, module);
    if (path.endsWith('.node')) {
      process.dlopen(module, path);
    } else if (path.endsWith('.json')) {
      module.exports = vm.runInContext(`(${readFileSync(path, 'utf8')})`, context);
    } else {
      const { resolve } = createRequire(path);
      const names = ['exports', 'require', 'module', '__filename', '__dirname'];
      const run = vm.compileFunction(readFileSync(path, 'utf8'), names, { filename: path, parsingContext: context });
      const requireFrom = (name) => (isBuiltin(name) ? require(name) : load(resolve(name)));
      requireFrom.resolve = resolve;
      run(module.exports, requireFrom, module, path, path.slice(0, path.lastIndexOf('/')));
    }
    return module.exports;
  }
  prepare?.(load);
  return { context, package: load(entry) };
}

const newEngine = ({ InferenceEngine }) => new InferenceEngine({ models: MODELS });

async function remoteRunner() {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     let finish;
     require(${JSON.stringify(entry)}).setInferenceRunner(async (_request, { emit }) => {
       await emit({ type: 'text-delta', text: 'from ' });
       await new Promise((resolve) => parentPort.once('message', resolve));
       await emit({ type: 'text-delta', text: 'the thread' });
     });
     parentPort.on('message', () => {});
     parentPort.postMessage('registered');`,
    { eval: true },
  );
  await once(worker, 'message');
  return worker;
}

const scenarios = {
  async 'runners are shared'() {
    const contexts = [newContext(), newContext()];
    for (const registers of contexts) {
      const thrown = vm.runInContext("Object.assign(new TypeError('no'), { status: 418 })", registers.context);
      registers.package.setInferenceRunner(async (_request, { emit }) => {
        await emit({ type: 'text-delta', text: 'a' });
        throw thrown;
      });
      for (const asks of contexts) {
        const error = await newEngine(asks.package)
          .generate(REQUEST)
          .catch((error) => error);
        say({
          text: error.text,
          status: error.status,
          same: error.cause === thrown,
          typed: contexts.every((each) => error instanceof each.package.RunnerFailedError),
        });
      }
    }
  },

  async 'mail reaches the contexts it is for'() {
    const contexts = [newContext(), newContext()];
    const worker = await remoteRunner();
    const streams = contexts.map((each) => newEngine(each.package).generateTrackedStream(REQUEST));
    for (const stream of streams) await stream.next();
    const later = newContext();
    worker.postMessage('finish');
    for (const stream of streams) say({ text: (await stream.result()).text });
    const last = newEngine(later.package).generateTrackedStream(REQUEST);
    await last.next();
    worker.postMessage('finish');
    say({ text: (await last.result()).text });
    await worker.terminate();
  },

  async 'a context is torn down in mid-stream'() {
    const first = newContext();
    const worker = await remoteRunner();
    const left = newEngine(first.package).generateTrackedStream(REQUEST);
    await left.next();
    left.next().catch(() => {});
    const second = newContext();
    // What Jest does at the end of a test file.
    for (const name of Object.keys(first.context)) delete first.context[name];
    const stream = newEngine(second.package).generateTrackedStream(REQUEST);
    await stream.next();
    worker.postMessage('finish');
    say({ text: (await stream.result()).text });
    await worker.terminate();
    say({ slot: second.package.currentInferenceRunner() });
  },

  async 'a panic is known as one'() {
    let panics = false;
    const { package: own } = newContext((load) => {
      const native = load(require.resolve(entry.replace('index.js', 'native/index.js')));
      const { textDelta } = native;
      native.textDelta = (port, text) => (panics ? native.panicProbeHot() : textDelta(port, text));
    });
    own.setInferenceRunner(async (_request, { emit }) => {
      panics = true;
      emit({ type: 'text-delta', text: 'a' });
      panics = false;
    });
    say({
      code: (
        await newEngine(own)
          .generate(REQUEST)
          .catch((error) => error)
      ).code,
    });
  },

  async 'everything given comes from another context'() {
    const { setInferenceRunner, InferenceEngine } = require(entry);
    const foreign = vm.createContext({ AbortController });
    const inside = (code) => vm.runInContext(`(${code})`, foreign);
    const engine = new InferenceEngine(inside("{ models: [{ id: 'm', source: { type: 'delegated' } }] }"));
    const request = inside("{ model: 'm', messages: [{ role: 'user', content: 'hi' }] }");
    setInferenceRunner(inside("async function* () { yield { type: 'text-delta', text: 'pulled' } }"));
    say({ text: (await engine.generate(request)).text });
    setInferenceRunner(
      inside(
        "{ async run(request, { emit }) { await emit({ type: 'text-delta', text: 'pushed' }); return { text: 'pushed' }; } }",
      ),
    );
    say({ text: (await engine.generate(request)).text });
    setInferenceRunner(inside("() => ({ then: (resolve) => resolve({ text: 'thenable' }) })"));
    say({ text: (await engine.generate(request)).text });
    setInferenceRunner(inside("async () => { throw Object.assign(new RangeError('far'), { error: { deep: [1] } }) }"));
    const error = await engine.generate(request).catch((error) => error);
    say({ code: error.code, body: error.body, cause: error.cause.name });
    const controller = inside('new AbortController()');
    setInferenceRunner(async (_request, { cancelled }) => void (await cancelled()));
    const aborted = engine.generate(request, { signal: controller.signal }).catch((error) => error);
    setImmediate(() => controller.abort(inside("new Error('enough')")));
    say({ reason: (await aborted) === controller.signal.reason });
  },
};

scenarios[scenario]();
