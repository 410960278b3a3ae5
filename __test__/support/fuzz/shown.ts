/** Values as a failure prints them. */
export function shown(value: unknown): string {
  if (value instanceof Error) return String(value);
  return JSON.stringify(value, replacer) ?? String(value);
}

function replacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string' && value.length > 100) return `${value.slice(0, 20)}… (${value.length})`;
  return value instanceof Error ? String(value) : value;
}
