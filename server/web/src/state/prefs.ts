/**
 * What a person chose, kept in this browser: how the page looks for whoever sits before it, columns and past queries for
 * each user apart. Where storage is refused, choices last as long as the page.
 */
import { computed, effect, signal, type Signal } from '@preact/signals';
import { narrow } from './media';

type Reads<T> = (value: unknown) => value is T;

function load<T>(key: string, otherwise: T, reads: Reads<T>): T {
  try {
    const text = localStorage.getItem(key);
    const value: unknown = text === null ? null : JSON.parse(text);
    if (reads(value)) return value;
  } catch {
    // Not readable: the choice is made anew.
  }
  return otherwise;
}

function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Refused or full: nothing that matters is lost.
  }
}

export function stored<T>(name: string, otherwise: T, reads: Reads<T>): Signal<T> {
  const now = signal(load(`stele.${name}`, otherwise, reads));
  effect(() => keep(`stele.${name}`, now.value));
  return now;
}

const owned: ((subject: string) => void)[] = [];

/** Reads the choices of who is signed in; of nobody, none are kept. */
export function keepFor(subject: string): void {
  owned.forEach((read) => read(subject));
}

function storedByUser<T>(name: string, otherwise: T, reads: Reads<T>): Signal<T> {
  const now = signal(otherwise);
  let key = '';
  owned.push((subject) => {
    // The values of one must not be written for the other.
    key = '';
    now.value = subject === '' ? otherwise : load(`stele.${name}.${subject}`, otherwise, reads);
    key = subject === '' ? '' : `stele.${name}.${subject}`;
  });
  effect(() => {
    const value = now.value;
    if (key !== '') keep(key, value);
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
export const pastQueries = storedByUser<string[]>(
  'queries',
  [],
  (value): value is string[] => Array.isArray(value) && value.every((each) => typeof each === 'string'),
);

const isText = (value: unknown): value is string => typeof value === 'string';

export const DEFAULT_COLUMNS = ['timestamp', 'status', 'event_type', 'actor', 'resource', 'metadata'];

/** The columns of who has no view open that brings its own, and the widths of all. */
export const ownColumns = storedByUser<string[]>(
  'columns',
  DEFAULT_COLUMNS,
  (value): value is string[] => Array.isArray(value) && value.length > 0 && value.every(isText),
);
export const widths = storedByUser<Record<string, number>>(
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
