// npm run setup
import { prepare } from './prepare.mjs';
import { entry } from './progress.mjs';

await entry(() => prepare());
