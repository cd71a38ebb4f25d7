/** Where the page is: the last part of the path names the page, the search part holds its state. */
import { computed, signal } from '@preact/signals';
import { base } from '../api/client';

export const PAGES = ['log', 'api', 'errors', 'resources', 'integrity', 'archive', 'settings'] as const;
export type PageName = (typeof PAGES)[number];

interface Place {
  page: PageName;
  params: URLSearchParams;
}

function read(): Place {
  const name = location.pathname.slice(base.length);
  const page = PAGES.find((each) => each === name) ?? 'log';
  return { page, params: new URLSearchParams(location.search) };
}

export const place = signal<Place>(read());
export const page = computed(() => place.value.page);

export function param(name: string): string {
  return place.value.params.get(name) ?? '';
}

addEventListener('popstate', () => {
  place.value = read();
});

export function href(to: PageName, params: Record<string, string> = {}): string {
  const search = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ''));
  const text = search.toString();
  return `${base}${to}${text === '' ? '' : `?${text}`}`;
}

export function go(to: PageName, params: Record<string, string> = {}): void {
  history.pushState(null, '', href(to, params));
  place.value = read();
}

/** Changes some parameters of this page and keeps the others; an empty value takes one out. */
export function change(changes: Record<string, string>, how: 'push' | 'replace' = 'push'): void {
  const now = Object.fromEntries(place.value.params);
  const target = href(place.value.page, { ...now, ...changes });
  if (target === location.pathname + location.search) return;
  if (how === 'push') history.pushState(null, '', target);
  else history.replaceState(null, '', target);
  place.value = read();
}

/** For links: a plain click stays within the page, every other click is the browser's. */
export function follow(event: MouseEvent): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.currentTarget as HTMLElement).closest('a');
  if (!link) return;
  event.preventDefault();
  history.pushState(null, '', link.href);
  place.value = read();
}
