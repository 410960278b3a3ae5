// Results as tables of text: a title, a header, rows. Knows neither the terminal nor Markdown.
const absent = '–';

function number(value) {
  return value.toLocaleString('en', { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
}

function text(result, figure) {
  if (result === undefined) return absent;
  if (result.problem) return 'failed';
  if (result.leftOut) return result.leftOut;
  const { median, min, max, samples } = result.figures[figure];
  const spread = samples.length > 1 ? ` (${number(min)}–${number(max)})` : '';
  const ratio = result.ratios[figure];
  return `${number(median)}${spread}${ratio ? ` ${ratio.median.toFixed(2)}×` : ''}`;
}

/** @param columns pairs of a cell and the figure to show of it. */
function rowsOf(columns, contenders) {
  const names = Object.keys(contenders).filter((name) => columns.some(({ cell }) => name in cell.contenders));
  return names.map((name) => [
    contenders[name].title,
    ...columns.map(({ cell, figure }) => text(cell.contenders[name], figure)),
  ]);
}

/** Several cells: one table for each figure, the cells as columns. One cell: its figures as columns. */
function tablesOfGroup(group, cells, figures, contenders) {
  const titles = (...parts) => parts.filter(Boolean).join('; ');
  if (cells.length > 1) {
    return Object.entries(figures).map(([figure, { title }]) => ({
      title: titles(group, title),
      header: cells.map(({ column }) => column),
      rows: rowsOf(
        cells.map((cell) => ({ cell, figure })),
        contenders,
      ),
    }));
  }
  const [cell] = cells;
  const columns = Object.keys(figures).map((figure) => ({ cell, figure }));
  return [
    {
      title: titles(group),
      header: Object.values(figures).map(({ title }) => title),
      rows: rowsOf(columns, contenders),
    },
  ];
}

/** @param contenders by name, in the order of the rows. */
export function tablesOf({ figures, cells }, contenders) {
  const groups = Map.groupBy(cells, ({ group }) => group);
  return [...groups].flatMap(([group, members]) => tablesOfGroup(group, members, figures, contenders));
}

/** The problems of contenders that did not come to an end. */
export function problemsOf({ name, cells }) {
  return cells.flatMap((cell) =>
    Object.values(cell.contenders).flatMap(({ problem }) => (problem ? [`${name} ${cell.name}: ${problem}`] : [])),
  );
}

export const goalHeader = ['', 'goal', 'limit', 'found'];

export function goalRows(goals) {
  return goals.map(({ title, limit, value, where, outcome }) => [
    outcome === 'met' ? '✓ met' : '✗ missed',
    title,
    `${limit.max === undefined ? `≥ ${limit.min.toLocaleString('en')}` : `≤ ${limit.max}`} ${limit.unit}`,
    `${number(value)} ${limit.unit}${where ? ` (${where})` : ''}`,
  ]);
}
