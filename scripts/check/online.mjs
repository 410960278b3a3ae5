// Checks that ask a database on the network. Out of reach, they are skipped on a developer's machine and say so;
// with CAR_INFERENCE_ONLINE=required, as in the hosted workflow, they fail.
export function outOfReach(what) {
  return process.env.CAR_INFERENCE_ONLINE === 'required'
    ? { outcome: 'failed', detail: `${what} could not be reached, and CAR_INFERENCE_ONLINE=required says it must be` }
    : { outcome: 'skipped', detail: `${what} could not be reached from here` };
}
