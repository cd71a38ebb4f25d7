/** What a person chose for this browser. Where storage is refused, choices last as long as the page. */
import { effect, signal, type Signal } from '@preact/signals';

export function stored<T>(name: string, otherwise: T, reads: (value: unknown) => value is T): Signal<T> {
  const key = `stele.${name}`;
  let first = otherwise;
  try {
    const text = localStorage.getItem(key);
    const value: unknown = text === null ? null : JSON.parse(text);
    if (reads(value)) first = value;
  } catch {
    // Not readable: the choice is made anew.
  }
  const now = signal(first);
  effect(() => {
    const text = JSON.stringify(now.value);
    try {
      localStorage.setItem(key, text);
    } catch {
      // Refused or full: nothing that matters is lost.
    }
  });
  return now;
}

const oneOf =
  <T extends string>(...values: T[]) =>
  (value: unknown): value is T =>
    values.includes(value as T);

export const theme = stored<'system' | 'light' | 'dark'>('theme', 'system', oneOf('system', 'light', 'dark'));
export const zone = stored<'local' | 'utc'>('zone', 'local', oneOf('local', 'utc'));
export const showFacets = stored(
  'facets',
  globalThis.innerWidth > 860,
  (value) => typeof value === 'boolean',
);
export const showHistogram = stored('histogram', true, (value) => typeof value === 'boolean');
export const pastQueries = stored<string[]>(
  'queries',
  [],
  (value): value is string[] => Array.isArray(value) && value.every((each) => typeof each === 'string'),
);

export interface Column {
  id: string;
  width: number;
}

function isColumn(value: unknown): value is Column {
  const column = value as Column | null;
  return typeof column?.id === 'string' && typeof column.width === 'number';
}

export const DEFAULT_COLUMNS: Column[] = [
  { id: 'timestamp', width: 196 },
  { id: 'status', width: 92 },
  { id: 'event_type', width: 196 },
  { id: 'actor', width: 210 },
  { id: 'resource', width: 190 },
  { id: 'metadata', width: 220 },
];

export const columns = stored<Column[]>(
  'columns',
  DEFAULT_COLUMNS,
  (value): value is Column[] => Array.isArray(value) && value.length > 0 && value.every(isColumn),
);

effect(() => {
  if (theme.value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme.value;
});

export function rememberQuery(text: string): void {
  const query = text.trim();
  if (query === '') return;
  pastQueries.value = [query, ...pastQueries.value.filter((each) => each !== query)].slice(0, 30);
}
