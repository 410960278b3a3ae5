// The consumer: a `for await` loop that looks at nothing but the number of events.
export async function consume(events) {
  let count = 0;
  for await (const _event of events) count += 1;
  return count;
}

/** So many streams side by side; resolves to the number of events of all. */
export async function consumeSideBySide(streams, open) {
  const counts = await Promise.all(Array.from({ length: streams }, () => consume(open())));
  return counts.reduce((sum, count) => sum + count, 0);
}
