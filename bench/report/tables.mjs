// Results as tables of text: a title, a header, rows. Knows neither the terminal nor Markdown.
import { contenders } from '../contenders/index.mjs';

const absent = '–';

/** Three significant digits, and no exponent. */
function number(value) {
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function text(result, figure) {
  if (result?.problem) return 'failed';
  const summary = result?.figures[figure];
  if (!summary) return absent;
  const { median, min, max, samples } = summary;
  const spread = samples.length > 1 ? ` (${number(min)}–${number(max)})` : '';
  const ratio = result.ratios[figure];
  return `${number(median)}${spread}${ratio ? ` ${ratio.median.toFixed(2)}×` : ''}`;
}

function rowsOf(cells, columns) {
  const names = Object.keys(contenders).filter((name) => cells.some((cell) => name in cell.contenders));
  return names.map((name) => [
    contenders[name].title,
    ...columns.map(({ cell, figure }) => text(cell.contenders[name], figure)),
  ]);
}

/** Several cells: one table for each figure, the cells as columns. One cell: its figures as columns. */
function tablesOfGroup(title, cells, figures) {
  if (cells.length === 1) {
    const [cell] = cells;
    const columns = Object.keys(figures).map((figure) => ({ cell, figure }));
    return [{ title, header: Object.values(figures).map((figure) => figure.title), rows: rowsOf(cells, columns) }];
  }
  return Object.entries(figures).map(([figure, description]) => ({
    title: `${title}; ${description.title}`,
    header: cells.map(({ column }) => column),
    rows: rowsOf(
      cells,
      cells.map((cell) => ({ cell, figure })),
    ),
  }));
}

export function tablesOf({ title, figures, cells }) {
  const groups = Map.groupBy(cells, ({ group }) => group);
  return [...groups].flatMap(([group, members]) =>
    tablesOfGroup(group === undefined ? title : `${title}; ${group}`, members, figures),
  );
}

export function goalRows(goals) {
  return goals.map(({ title, max, unit, value, where, outcome }) => [
    outcome === 'met' ? '✓ met' : '✗ missed',
    title,
    `≤ ${max} ${unit}`,
    `${number(value)} ${unit}${where ? ` (${where})` : ''}`,
  ]);
}
