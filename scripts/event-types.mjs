// native/types.d.ts: the TypeScript types of events, requests and schemas, written by the Rust types themselves.
import { stream } from './command.mjs';
import { step } from './progress.mjs';

export async function exportEventTypes() {
  const example = ['run', '--quiet', '-p', 'car-inference', '--features', 'typescript', '--example', 'export-types'];
  await step('export the TypeScript types from Rust', () => stream('cargo', [...example, '--', 'native/types.d.ts']));
}
