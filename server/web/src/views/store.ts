/**
 * The saved views, as the server has them: asked once a second while the page is seen, so that a change in one browser
 * is soon in the others. Most answers are "not modified".
 */
import { computed, effect, signal, untracked } from '@preact/signals';
import { call, limitedUntil, offline, Problem, send } from '../api/client';
import { released } from '../state/press';
import { change, param, place } from '../state/route';
import { contentOf, isPermalink, paramsOf, sameContent, type Content, type View } from './view';

const EVERY_MS = 1000;

/** null until they were answered once. */
export const views = signal<View[] | null>(null);
export const viewsProblem = signal<Problem | null>(null);
/** The view that is open, as it was when it was opened or last saved here. */
const opened = signal<View | null>(null);

let etag = '';
let running: Promise<void> | null = null;
/** Aborted when the list is no longer followed: what is answered then may be for somebody else. */
let watching = new AbortController();

async function read(): Promise<void> {
  const { signal: left } = watching;
  try {
    const headers = etag === '' ? {} : { 'if-none-match': etag };
    const response = await call('v1/views', { headers, signal: left });
    const text = response.status === 304 ? null : await response.text();
    await released();
    if (left.aborted) return;
    viewsProblem.value = null;
    if (text === null) return;
    etag = response.headers.get('etag') ?? '';
    views.value = (JSON.parse(text) as { views: View[] }).views;
  } catch (fault) {
    if (left.aborted) return;
    viewsProblem.value =
      fault instanceof Problem
        ? fault
        : new Problem(-1, { detail: `The answer cannot be read: ${String(fault)}` });
  }
}

function ask(): Promise<void> {
  if (running) return running;
  const mine = read().finally(() => {
    if (running === mine) running = null;
  });
  running = mine;
  return mine;
}

/** Asks once more after a change; an answer that was under way may be older than the change. */
export async function again(): Promise<void> {
  await running;
  await ask();
}

export const current = computed<{
  /** As it is stored now; null where it is gone. */
  stored: View | null;
  /** As it was when it was opened. */
  base: View;
  modified: boolean;
  /** Its content was changed elsewhere since it was opened here. */
  elsewhere: boolean;
} | null>(() => {
  const base = opened.value;
  if (!base || param('view') !== base.id) return null;
  const stored = views.value?.find((each) => each.id === base.id) ?? null;
  const now = contentOf(place.value.params);
  return {
    stored,
    base,
    modified: !sameContent(now, base),
    elsewhere: stored !== null && !sameContent(stored, base),
  };
});

/** An address that names a view which is not there. */
export const missing = computed(
  () =>
    views.value !== null &&
    param('view') !== '' &&
    current.value === null &&
    !views.value.some((each) => each.id === param('view')),
);

export function openView(view: View, how: 'push' | 'replace' = 'push'): void {
  opened.value = view;
  change({ ...paramsOf(view), own: '' }, how);
}

export function closeView(): void {
  opened.value = null;
  change({ view: '', columns: '' });
}

/** Keeps the open view and the list together. */
function follow(): void {
  const id = param('view');
  const stored = views.value?.find((each) => each.id === id);
  if (!stored) return;
  untracked(() => {
    if (isPermalink(place.value.params)) {
      openView(stored, 'replace');
      return;
    }
    const now = current.value;
    if (now === null || sameContent(stored, now.base)) opened.value = stored;
    // Nothing was changed here, so the list shows what the view is now.
    else if (!now.modified) openView(stored, 'replace');
  });
}

export function watchViews(): () => void {
  watching = new AbortController();
  const tick = () => {
    if (!document.hidden && !offline.peek() && limitedUntil.peek() === 0) void ask();
  };
  tick();
  const timer = setInterval(tick, EVERY_MS);
  document.addEventListener('visibilitychange', tick);
  const stop = effect(follow);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', tick);
    stop();
    watching.abort();
    running = null;
    // Who signs in next has other views.
    etag = '';
    views.value = null;
    opened.value = null;
  };
}

export interface Named {
  name: string;
  shared: boolean;
  starred: boolean;
}

export async function createView(content: Content, named: Named): Promise<View> {
  const made = await send<View>('POST', 'v1/views', { ...content, ...named });
  await again();
  return made;
}

/** @throws Problem 409 where `version` is not the stored one. */
export async function updateView(
  id: string,
  changes: Partial<Content & Named>,
  version?: number,
): Promise<View> {
  const body = version === undefined ? changes : { ...changes, version };
  const saved = await send<View>('PUT', `v1/views/${encodeURIComponent(id)}`, body);
  if (opened.peek()?.id === id) opened.value = saved;
  await again();
  return saved;
}

export async function deleteView(view: View): Promise<void> {
  await call(`v1/views/${encodeURIComponent(view.id)}`, { method: 'DELETE' });
  if (param('view') === view.id) closeView();
  await again();
}

/** A deleted view comes back as a new one, at its old place. */
export async function restoreView(view: View, order: readonly string[]): Promise<void> {
  const { q, from, to, order: direction, columns, name, shared, starred } = view;
  const made = await send<View>('POST', 'v1/views', {
    q,
    from,
    to,
    order: direction,
    columns,
    name,
    shared,
    starred,
  });
  await orderViews(order.map((each) => (each === view.id ? made.id : each)));
}

export async function orderViews(ids: readonly string[]): Promise<void> {
  await send('PUT', 'v1/views/order', { ids });
  await again();
}
