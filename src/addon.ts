/**
 * Loading the addon: says plainly why it could not be, and refuses one that was built for another version. Errors of
 * loading are told apart by `code`, because the classes of a package that cannot be loaded cannot be imported.
 */

/** The version of the package that this file belongs to. */
export const { version: packageVersion } = require('../package.json') as { version: string };

export function loadAddon<T extends { addonVersion(): string }>(load: () => T): T {
  let addon: T;
  try {
    addon = load();
  } catch (cause) {
    throw isForbidden(cause)
      ? problem(
          'ERR_CAR_INFERENCE_ADDONS_FORBIDDEN',
          'car-inference is a native addon, and this process may not load addons: it runs with --no-addons, or with ' +
            '--permission and without --allow-addons',
          cause,
        )
      : problem(
          'ERR_CAR_INFERENCE_ADDON_NOT_LOADED',
          `the native addon of car-inference ${packageVersion} could not be loaded for ${process.platform}-${process.arch}: ` +
            reasonOf(cause),
          cause,
        );
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

/** The generated loader tries several files and chains what each of them failed with. */
function* causesOf(error: unknown): Generator<{ code?: unknown; message?: unknown }, void, undefined> {
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) yield at;
}

function isForbidden(error: unknown): boolean {
  return [...causesOf(error)].some(({ code }) => code === 'ERR_DLOPEN_DISABLED');
}

/** The most telling of the causes: a file that is there and cannot be loaded, before files that are not there. */
function reasonOf(error: unknown): string {
  const causes = [...causesOf(error)];
  const telling = causes.find(({ code }) => code === 'ERR_DLOPEN_FAILED') ?? causes[0];
  return String(telling?.message ?? error);
}
