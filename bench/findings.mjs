// What of a run's results a goal is judged by, and the judging. Knows no goal.

/** The results of one contender in all cells of a measurement that have it. */
export function cellsOf(results, measurement, contender) {
  const cells = results.find(({ name }) => name === measurement)?.cells ?? [];
  return cells.flatMap(({ name, group, contenders }) => {
    const found = contenders[contender];
    return found?.figures ? [{ name, group, ...found }] : [];
  });
}

export function highest(candidates) {
  return candidates.toSorted((a, b) => b.value - a.value)[0];
}

export function lowest(candidates) {
  return candidates.toSorted((a, b) => a.value - b.value)[0];
}

export function ratiosTo(results, measurement, contender, figure) {
  return cellsOf(results, measurement, contender).flatMap(({ name, ratios }) =>
    ratios[figure] ? [{ value: ratios[figure].median, where: name }] : [],
  );
}

export function medianOf(results, measurement, contender, figure) {
  const [cell] = cellsOf(results, measurement, contender);
  return cell && { value: cell.figures[figure].median };
}

/** @returns those of the goals that this run can judge. They are told, not enforced: no exit code depends on them. */
export function judgeBy(goals, results) {
  return goals.flatMap(({ title, limit, find }) => {
    const found = find(results);
    if (found === undefined) return [];
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = limit;
    return [{ title, limit, ...found, outcome: found.value >= min && found.value <= max ? 'met' : 'missed' }];
  });
}
