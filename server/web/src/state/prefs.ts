/** What a person chose for this browser. Where storage is refused, choices last as long as the page. */
import { computed, effect, signal, type Signal } from '@preact/signals';
import { narrow } from './media';

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
/** Where the page is narrow, filters lie over the list: they are shut until they are asked for, each time. */
const besideList = stored('facets', true, (value) => typeof value === 'boolean');
const overList = signal(false);
export const showFacets = computed(() => (narrow.value ? overList.value : besideList.value));
export function toggleFacets(): void {
  const which = narrow.peek() ? overList : besideList;
  which.value = !which.peek();
}
export const showHistogram = stored('histogram', true, (value) => typeof value === 'boolean');
export const pastQueries = stored<string[]>(
  'queries',
  [],
  (value): value is string[] => Array.isArray(value) && value.every((each) => typeof each === 'string'),
);

const isText = (value: unknown): value is string => typeof value === 'string';

export const DEFAULT_COLUMNS = ['timestamp', 'status', 'event_type', 'actor', 'resource', 'metadata'];

/** The columns of who has no view open that brings its own, and the widths of all. */
export const ownColumns = stored<string[]>(
  'columns',
  DEFAULT_COLUMNS,
  (value): value is string[] => Array.isArray(value) && value.length > 0 && value.every(isText),
);
export const widths = stored<Record<string, number>>(
  'widths',
  {},
  (value): value is Record<string, number> =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((each) => typeof each === 'number'),
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
