// npm run build: the release package, in place.
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';

await entry(() => prepare('release'));
