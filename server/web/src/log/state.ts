/**
 * What the activity log asks for, and what it has got.
 *
 * The address is the state: query, range, order and the open event stand there and nowhere else, so that back, reload
 * and a pasted link give the same page. The text in the box runs ahead of the address by a moment while someone types.
 */
import { batch, computed, effect, signal, untracked } from '@preact/signals';
import { ask, reconnects, type Params } from '../api/client';
import { Question } from '../api/question';
import type { Facet, Facets, Histogram } from '../api/types';
import { chosen, without } from '../query/edit';
import { narrow } from '../state/media';
import { ownColumns, widths } from '../state/prefs';
import { change, page, param } from '../state/route';
import { rangeParams } from '../time/time';
import { widthOf } from './cells';
import { Rows } from './rows';
import { Tail } from './tail';

export interface FacetField {
  /** Its name in the query, and as a parameter of `/v1/facets`. */
  field: string;
  name: string;
  label: string;
  searchable: boolean;
  /** It has about as many values as the log has events: none is counted before something is searched for. */
  onDemand?: boolean;
}

export const FACET_FIELDS: readonly FacetField[] = [
  { field: 'category', name: 'category', label: 'Category', searchable: false },
  { field: 'status', name: 'status', label: 'Status', searchable: false },
  { field: 'actor.type', name: 'actor_type', label: 'Actor type', searchable: false },
  { field: 'actor.email', name: 'actor_email', label: 'Actor e-mail', searchable: true },
  { field: 'actor.name', name: 'actor_name', label: 'Actor name', searchable: true, onDemand: true },
  { field: 'resource.type', name: 'resource_type', label: 'Resource type', searchable: true },
  { field: 'resource.id', name: 'resource_id', label: 'Resource ID', searchable: true, onDemand: true },
  { field: 'event_type', name: 'event_type', label: 'Event type', searchable: true },
];

/** Short: what is typed on ends the question under way, on the server too. */
const TYPING_MS = 60;

export const query = computed(() => param('q'));
export const range = computed(() => ({ from: param('from'), to: param('to') }));
export const order = computed<'asc' | 'desc'>(() => (param('order') === 'asc' ? 'asc' : 'desc'));
export const own = computed(() => param('own') === 'true');
export const selected = computed(() => param('event'));

/** The columns of the address, which a view brings, else those that the person chose. */
export const columnIds = computed<string[]>(() => {
  const given = param('columns')
    .split(',')
    .filter((each) => each !== '');
  return given.length > 0 ? given : ownColumns.value;
});

export interface Column {
  id: string;
  width: number;
}

/** On a phone, who did what is seen beside the time. */
const NARROW: Record<string, number> = { timestamp: 128, status: 84, event_type: 150 };

export const columns = computed<Column[]>(() =>
  columnIds.value.map((id) => ({
    id,
    width: widths.value[id] ?? (narrow.value ? NARROW[id] : undefined) ?? widthOf(id),
  })),
);

/** The text in the box. */
export const draft = signal(query.peek());
export const live = signal<'off' | 'on' | 'paused'>('off');

export const rows = new Rows();
export const tail = new Tail();
export const facets = new Question<{ facets: Record<string, Facet>; matched: number }>();
export const histogram = new Question<Histogram>();
/** Counts up with each new question, so that the table goes back to its top. */
export const asked = signal(0);

/** The filters without order, cursor and limit: what all panels have in common. */
export const filters = computed<Params>(() => ({
  ...(query.value.trim() === '' ? {} : { q: query.value }),
  ...rangeParams(range.value),
  ...(own.value ? { own: true } : {}),
}));

// Only a real change of the question asks again: opening an event changes the address, but not this text.
const question = computed(() => JSON.stringify([filters.value, order.value]));

let typing: ReturnType<typeof setTimeout> | undefined;

/** Puts what was typed into the address, if it is not there yet. */
function take(): void {
  if (typing === undefined) return;
  forget();
  const text = draft.peek();
  change({ q: text.trim() === '' ? '' : text }, 'replace');
}

function forget(): void {
  clearTimeout(typing);
  typing = undefined;
}

export function type(text: string): void {
  draft.value = text;
  clearTimeout(typing);
  typing = setTimeout(take, TYPING_MS);
}

/** The query as it stands in the box: what was typed just now is a part of what a control changes. */
export function written(): string {
  take();
  return query.peek();
}

/** Puts a query in place at once, as a step that "back" undoes. */
export function setQuery(text: string, others: Record<string, string> = {}): void {
  forget();
  draft.value = text;
  change({ ...others, q: text });
}

export function setRange(from: string, to: string): void {
  change({ from, to });
}

/** Facets of one field count without the field's own choice, so that the other values can still be chosen. */
async function askFacets(aborted: AbortSignal): Promise<{ facets: Record<string, Facet>; matched: number }> {
  const base = filters.peek();
  const text = query.peek();
  const counted = FACET_FIELDS.filter((each) => each.onDemand !== true);
  const own = counted.filter((each) => chosen(text, each.field).length > 0);
  const rest = counted.filter((each) => !own.includes(each));
  const names = rest.length > 0 ? rest.map((each) => each.name) : ['category'];
  const calls = [
    ask<Facets>('v1/facets', { ...base, fields: names.join(','), top: 12 }, aborted),
    ...own.map((each) =>
      ask<Facets>(
        'v1/facets',
        { ...base, q: without(text, each.field), fields: each.name, top: 12 },
        aborted,
      ),
    ),
  ];
  const answers = await Promise.all(calls);
  const first = answers[0] as Facets;
  const found: Record<string, Facet> = {};
  rest.forEach((each) => (found[each.field] = first.facets[each.name] as Facet));
  own.forEach((each, i) => (found[each.field] = answers[i + 1]?.facets[each.name] as Facet));
  return { facets: found, matched: first.matched };
}

export function refreshCounts(): void {
  void facets.run(askFacets);
  void histogram.run((aborted) =>
    ask<Histogram>('v1/histogram', { ...filters.peek(), split: 'status', interval: 'auto' }, aborted),
  );
}

export function refresh(): void {
  const mine = ++asked.value;
  facets.stop();
  histogram.stop();
  // The list first: counts are questions of their own, and would only make it wait.
  void rows.start({ ...filters.peek(), order: order.peek() }).then(() => {
    if (asked.peek() === mine) refreshCounts();
  });
}

/** Begins to ask when the page is shown; the result stops it. */
export function watch(): () => void {
  const stops = [
    effect(() => {
      // The address may change without the box: back, a link, a control. Then it is what counts; where it changes in
      // other parts only, what is being typed stays.
      const text = query.value;
      untracked(() => {
        if (text.trim() === draft.value.trim()) return;
        forget();
        draft.value = text;
      });
    }),
    effect(() => {
      void question.value;
      void reconnects.value;
      untracked(() => {
        if (page.value === 'log') refresh();
      });
    }),
    effect(() => {
      const state = live.value;
      void question.value;
      untracked(() => {
        if (state === 'off') tail.stop();
        else if (!tail.isFor(question.value))
          tail.start(question.value, { ...filters.value, from: undefined, to: undefined });
      });
    }),
  ];
  const counts = setInterval(() => {
    if (live.value !== 'off' && !document.hidden) refreshCounts();
  }, 10_000);
  return () => {
    clearInterval(counts);
    forget();
    stops.forEach((stop) => stop());
    batch(() => {
      live.value = 'off';
      tail.stop();
      rows.stop();
      facets.stop();
      histogram.stop();
    });
  };
}

tail.onLines = (lines) => {
  if (live.peek() === 'on') rows.prepend(lines);
  else tail.hold(lines);
};

// What was stored between the last answer and now is in neither of the two.
tail.onOpen = refresh;

export function resumeTail(): void {
  rows.prepend(tail.release());
  live.value = 'on';
}

export function startLive(): void {
  if (order.peek() === 'asc') change({ order: '' });
  live.value = 'on';
}
