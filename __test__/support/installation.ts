/** The package as package managers put it on disk: folders of its own, with an addon that is linked or copied there. */
import { copyFileSync, cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const root = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)));

const addonPath = findAddon();
const { version } = require('../../package.json') as { version: string };

export interface Installation {
  /** How the addon gets there; `none` leaves it out. */
  readonly addon: 'hard link' | 'symbolic link' | 'copy' | 'none';
  /** The version that its JavaScript has. */
  readonly version?: string;
  /** The version that its addon has, if not the same. */
  readonly addonVersion?: string;
}

const target = join(root, 'target');
mkdirSync(target, { recursive: true });

/** Folders of one test file, removed at its end. */
export class Installations {
  // Beside what cargo builds, because a hard link needs one file system.
  readonly #folder = mkdtempSync(join(target, 'installed-'));

  /** Installs the package. Returns its folder. */
  add(name: string, { addon, version: own = version, addonVersion = own }: Installation): string {
    const folder = join(this.#folder, name, 'node_modules', 'car-inference');
    mkdirSync(join(folder, 'native'), { recursive: true });
    copyFileSync(join(root, 'index.js'), join(folder, 'index.js'));
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    copyFileSync(join(root, 'native', 'index.js'), join(folder, 'native', 'index.js'));
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ ...require('../../package.json'), version: own, devDependencies: undefined }),
    );
    const file = this.addonIn(folder);
    if (addon === 'hard link') linkSync(addonPath, file);
    else if (addon === 'symbolic link') symlinkSync(addonPath, file);
    else if (addon === 'copy') copyFileSync(addonPath, file);
    if (addonVersion !== version) {
      // The version is compiled in. What else two versions differ in, no test can know.
      writeFileSync(
        join(folder, 'native', 'index.js'),
        `module.exports = { ...require(${JSON.stringify(file)}), addonVersion: () => ${JSON.stringify(addonVersion)} };`,
      );
    }
    return folder;
  }

  /** The addon's file in an installation. */
  addonIn(folder: string): string {
    return join(folder, 'native', basename(addonPath));
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Where the addon that the tests use lies. */
function findAddon(): string {
  require('car-inference');
  const path = Object.keys(require.cache).find((path) => path.endsWith('.node'));
  if (path === undefined) throw new Error('the addon is not loaded');
  return path;
}
