/**
 * Loading the addon: says plainly why it could not be, and refuses one that was built for another version. Errors of
 * loading are told apart by `code`, because the classes of a package that cannot be loaded cannot be imported.
 */

const { version, napi } = require('../package.json') as { version: string; napi: { targets: readonly string[] } };

/** The version of the package that this file belongs to. */
export const packageVersion = version;

export function loadAddon<T extends { addonVersion(): string }>(load: () => T): T {
  let addon: T;
  try {
    addon = load();
  } catch (cause) {
    throw areAddonsForbidden()
      ? problem(
          'ERR_CAR_INFERENCE_ADDONS_FORBIDDEN',
          'car-inference is a native addon, and this process may not load addons: it runs with --no-addons, or with ' +
            '--permission and without --allow-addons',
          realCause(cause),
        )
      : problem('ERR_CAR_INFERENCE_ADDON_NOT_LOADED', notLoaded(platform(), triesOf(cause)), realCause(cause));
  }
  // An addon from before there was this function has none.
  const found = typeof addon.addonVersion === 'function' ? addon.addonVersion() : 'unknown';
  if (found !== packageVersion) {
    throw problem(
      'ERR_CAR_INFERENCE_VERSION_MISMATCH',
      `car-inference ${packageVersion} found a native addon of version ${found}; install the package again, so that both ` +
        'are of one version (and look at NAPI_RS_NATIVE_LIBRARY_PATH, if it is set)',
    );
  }
  return addon;
}

function problem(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
}

/** Asks Node for a file that is no addon: the loader's errors no longer have Node's codes. */
function areAddonsForbidden(): boolean {
  try {
    process.dlopen({ exports: {} }, __filename);
  } catch (error) {
    return (error as { code?: unknown }).code === 'ERR_DLOPEN_DISABLED';
  }
  return false;
}

function notLoaded(wanted: string, tries: readonly string[]): string {
  const found = tries.map((tried) => `\n  - ${tried}`).join('');
  const what = `the native addon of car-inference ${packageVersion} could not be loaded on ${wanted}`;
  const supported = napi.targets.map(packageSuffix);
  const help = supported.includes(wanted)
    ? `It is in the package car-inference-${wanted}. If that is missing, optional dependencies were left out ` +
      `(\`--omit=optional\`), or node_modules was installed on another platform: run ` +
      `\`npm install car-inference-${wanted}@${packageVersion}\` here. In a clone of the sources, run \`npm run build\`.`
    : `There is no addon for this platform. There is one for ${supported.join(', ')}.`;
  return `${what}. Tried:${found}\n${help}`;
}

/** The suffix after `car-inference-` in the name of this platform's addon package. */
function platform(): string {
  const system = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${system}-msvc`;
  return process.platform === 'linux' ? `${system}-${libc()}` : system;
}

/** Node reports its C library only when it is glibc. */
function libc(): 'gnu' | 'musl' {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const wasExcluded = report.excludeNetwork ?? false;
  report.excludeNetwork = true; // Otherwise the report does DNS lookups.
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime === undefined ? 'musl' : 'gnu';
  } finally {
    report.excludeNetwork = wasExcluded;
  }
}

/** The npm name of a Rust target: `aarch64-unknown-linux-musl` is `linux-arm64-musl`. */
function packageSuffix(target: string): string {
  const [machine = '', , system = '', libcOrAbi] = target.split('-');
  const cpu = { x86_64: 'x64', aarch64: 'arm64' }[machine] ?? machine;
  const name = { windows: 'win32' }[system] ?? system;
  return [name, cpu, ...(libcOrAbi === undefined ? [] : [libcOrAbi])].join('-');
}

/** What each try came to, the first one first: the generated loader chains them as causes of each other, last one first. */
function triesOf(error: unknown): string[] {
  const tries: string[] = [];
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const [firstLine = ''] = String((at as { message?: unknown }).message).split('\n');
    tries.unshift(firstLine);
  }
  // The outermost error only says that all tries failed, and guesses why.
  return tries.length > 1 ? tries.slice(0, -1) : tries;
}

/** The error of the last try. The loader's outer error only guesses that npm is at fault. */
function realCause(error: unknown): unknown {
  return (error as { cause?: unknown } | undefined)?.cause ?? error;
}
