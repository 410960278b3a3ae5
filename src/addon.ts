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
    throw areAddonsForbidden()
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

/** Asks Node for a file that is no addon: the loader's errors no longer have Node's codes. */
function areAddonsForbidden(): boolean {
  try {
    process.dlopen({ exports: {} }, __filename);
  } catch (error) {
    return (error as { code?: unknown }).code === 'ERR_DLOPEN_DISABLED';
  }
  return false;
}

/** What each try came to, the first one first: the generated loader chains them as causes of each other, last one first. */
function reasonOf(error: unknown): string {
  const tries: string[] = [];
  for (let at = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const [firstLine = ''] = String((at as { message?: unknown }).message).split('\n');
    tries.unshift(firstLine);
  }
  // The outermost error only says that all of them failed.
  return (tries.length > 1 ? tries.slice(0, -1) : tries).join('; ');
}
