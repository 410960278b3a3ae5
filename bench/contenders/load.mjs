// Loads a contender, in the child process that measures it.

export function loadContender(name) {
  return import(`./${name}.mjs`);
}

/** `open(work)` starts one stream of one of the works. */
export async function createContender(name, works) {
  const { create } = await loadContender(name);
  return create(works);
}
