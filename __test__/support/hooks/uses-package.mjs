/** A loader hook whose own thread uses the package: it registers a runner there. */
import { setInferenceRunner } from 'car-inference';

setInferenceRunner(async () => ({ text: 'from the hooks' }), { hint: 'hooks' });

export { load, resolve } from './passes-on.mjs';
