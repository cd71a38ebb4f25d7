/** What could stand at the cursor: fields, operators, values with their counts, the words between clauses. */
import { ask, type Params } from '../api/client';
import type { Facets, LogEvent } from '../api/types';
import { fullName, pathField, quoteValue, without } from './edit';
import { lex, type Clause } from './lex';

export interface Suggestion {
  /** Replaces the text from `start` to `end`. */
  insert: string;
  start: number;
  end: number;
  label: string;
  detail: string;
  kind: 'field' | 'value' | 'operator' | 'word' | 'history';
}

interface FieldHelp {
  name: string;
  detail: string;
  /** Its name as a facet, where its values can be counted. */
  facet?: string;
}

export const FIELDS: FieldHelp[] = [
  { name: 'event_type', detail: 'such as agent.updated', facet: 'event_type' },
  { name: 'category', detail: 'api, auth, agent, …', facet: 'category' },
  { name: 'status', detail: 'success, failure, pending', facet: 'status' },
  { name: 'action', detail: 'what was done', facet: 'action' },
  { name: 'actor', detail: 'id, e-mail or name of who did it', facet: 'actor' },
  { name: 'actor.type', detail: 'user, api_key, system', facet: 'actor_type' },
  { name: 'actor.id', detail: 'who did it', facet: 'actor_id' },
  { name: 'actor.email', detail: 'who did it', facet: 'actor_email' },
  { name: 'actor.name', detail: 'who did it', facet: 'actor_name' },
  { name: 'actor.ip_address', detail: 'address or network: 10.0.0.0/8' },
  { name: 'actor.user_agent', detail: 'words of the user agent' },
  { name: 'resource', detail: 'type or id of what was affected' },
  { name: 'resource.type', detail: 'what was affected', facet: 'resource_type' },
  { name: 'resource.id', detail: 'what was affected', facet: 'resource_id' },
  { name: 'resource.name', detail: 'what was affected', facet: 'resource_name' },
  { name: 'event_id', detail: 'whole id' },
  { name: 'sequence', detail: 'place in the chain' },
  { name: 'timestamp', detail: 'when it happened' },
  { name: 'committed_at', detail: 'when it was stored' },
  { name: 'last', detail: 'timestamp of the last 15m, 24h, 7d' },
  { name: 'changed', detail: 'a path that differs before and after' },
  { name: 'before.', detail: 'the state before a change' },
  { name: 'after.', detail: 'the state after a change' },
];

const OPERATORS: [string, string][] = [
  [':', 'has the value, or the words'],
  ['=', 'is exactly'],
  ['!=', 'is not exactly'],
  ['~', 'contains'],
  ['!~', 'does not contain'],
  ['>=', 'at least'],
  ['<', 'below'],
  [':*', 'is present'],
];

/** Metadata paths of some events, the most frequent first. */
export function pathsOf(events: readonly LogEvent[]): [string, number][] {
  const found = new Map<string, number>();
  const walk = (value: unknown, path: string[], seen: Set<string>): void => {
    if (Array.isArray(value)) {
      value.slice(0, 5).forEach((item) => walk(item, path, seen));
    } else if (value !== null && typeof value === 'object') {
      for (const [name, below] of Object.entries(value))
        if (path.length < 5) walk(below, [...path, name], seen);
    } else if (path.length > 0) {
      seen.add(pathField(path));
    }
  };
  for (const event of events) {
    const seen = new Set<string>();
    walk(event.metadata, [], seen);
    for (const path of seen) found.set(path, (found.get(path) ?? 0) + 1);
  }
  return [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

function facetOf(field: string): string | null {
  const name = fullName(field);
  if (name.startsWith('@')) return name.includes('"') ? null : `metadata.${name.slice(1)}`;
  return FIELDS.find((each) => each.name === name)?.facet ?? null;
}

/** The part of a value that is being typed: the last member of a list, without its quote. */
function typedPart(clause: Clause, cursor: number): { text: string; start: number } {
  const before = clause.value.slice(0, Math.max(0, cursor - clause.valueStart));
  const listed = before.startsWith('(');
  const at = listed
    ? Math.max(before.lastIndexOf(','), before.lastIndexOf('('), before.lastIndexOf(' ')) + 1
    : 0;
  return { text: before.slice(at).replace(/^"/, ''), start: clause.valueStart + at };
}

async function values(
  query: string,
  clause: Clause,
  cursor: number,
  base: Params,
  aborted: AbortSignal,
): Promise<Suggestion[]> {
  const { text, start } = typedPart(clause, cursor);
  const end = clause.value.startsWith('(') ? cursor : clause.end;
  if (clause.field === 'last') {
    return ['15m', '1h', '24h', '7d', '30d']
      .filter((value) => value.startsWith(text))
      .map((value) => ({ insert: `${value} `, start, end, label: value, detail: '', kind: 'value' }));
  }
  if (clause.field === 'timestamp' || clause.field === 'committed_at') {
    return ['now-15m', 'now-1h', 'now-24h', 'now-7d', 'now-30d']
      .filter((value) => value.startsWith(text))
      .map((value) => ({ insert: `${value} `, start, end, label: value, detail: '', kind: 'value' }));
  }
  const facet = facetOf(clause.field);
  if (facet === null) return [];
  // The rest of the query narrows the values, as long as it can be read; its own clause must not.
  const rest = without(
    `${query.slice(0, clause.start)} ${query.slice(clause.end)}`.trim(),
    fullName(clause.field),
  );
  const narrowed = text === '' ? '' : ` ${clause.field}~${quoteValue(text)}`;
  const attempts: Params[] = [
    { ...base, q: (rest + narrowed).trim() },
    { ...base, q: narrowed.trim() },
  ];
  for (const params of attempts) {
    try {
      const answer = await ask<Facets>('v1/facets', { ...params, fields: facet, top: 50 }, aborted);
      const found = answer.facets[facet]?.values ?? [];
      const near = found.filter(({ value }) => String(value).toLowerCase().includes(text.toLowerCase()));
      return near.slice(0, 12).map(({ value, count }) => ({
        insert: clause.value.startsWith('(') ? quoteValue(String(value)) : `${quoteValue(String(value))} `,
        start,
        end,
        label: String(value),
        detail: count.toLocaleString('en-US'),
        kind: 'value',
      }));
    } catch (fault) {
      if (aborted.aborted) throw fault;
    }
  }
  return [];
}

/** What fits the text that ends at the cursor. */
export async function complete(
  query: string,
  cursor: number,
  base: Params,
  known: readonly [string, number][],
  past: readonly string[],
  aborted: AbortSignal,
): Promise<Suggestion[]> {
  const tokens = lex(query);
  const at = tokens.find((token) => token.start < cursor && cursor <= token.end);
  if (at?.kind === 'clause') {
    if (cursor >= at.valueStart) return values(query, at, cursor, base, aborted);
    return fields(query.slice(at.start, cursor), at.start, at.opStart, known);
  }
  if (at?.kind === 'text' || at?.kind === 'or' || at?.kind === 'and' || at?.kind === 'not') {
    const typed = query.slice(at.start, cursor);
    if (/^["“”„]/.test(typed)) return [];
    const found = fields(typed, at.start, at.end, known);
    // A path that no event of the sample has may exist all the same.
    const exact =
      FIELDS.some((each) => each.name === typed) ||
      known.some(([path]) => path === typed) ||
      (found.length === 0 && /^@[A-Za-z_][\w.-]*\w$/.test(typed));
    if (!exact) return found;
    const operators = OPERATORS.map<Suggestion>(([op, detail]) => ({
      insert: typed + op + (op === ':*' ? ' ' : ''),
      start: at.start,
      end: at.end,
      label: typed + op,
      detail,
      kind: 'operator',
    }));
    return [...operators, ...found.filter((each) => each.label !== typed)].slice(0, 12);
  }
  const history = past
    .filter((each) => query.trim() === '' && each !== query)
    .slice(0, 6)
    .map<Suggestion>((each) => ({
      insert: each,
      start: 0,
      end: query.length,
      label: each,
      detail: 'before',
      kind: 'history',
    }));
  const words =
    tokens.length > 0 && !['or', 'and', 'not', 'minus', 'open'].includes(tokens.at(-1)?.kind ?? '')
      ? ['OR', 'NOT']
      : [];
  const between = words.map<Suggestion>((word) => ({
    insert: `${word} `,
    start: cursor,
    end: cursor,
    label: word,
    detail: '',
    kind: 'word',
  }));
  return [...history, ...fields('', cursor, cursor, known).slice(0, 9), ...between];
}

function fields(typed: string, start: number, end: number, known: readonly [string, number][]): Suggestion[] {
  const wanted = typed.toLowerCase();
  const named = FIELDS.filter(
    (each) => each.name.startsWith(wanted) || (wanted.length > 1 && each.name.includes(wanted)),
  );
  const own = named.map<Suggestion>((each) => ({
    insert: each.name.endsWith('.') ? each.name : `${each.name}:`,
    start,
    end,
    label: each.name,
    detail: each.detail,
    kind: 'field',
  }));
  const path = wanted.replace(/^@|^metadata\./, '');
  const below = known
    .filter(
      ([name]) =>
        (wanted.startsWith('@') || wanted.startsWith('meta') || wanted.length > 1) &&
        name.toLowerCase().includes(path),
    )
    .slice(0, 20)
    .map<Suggestion>(([name, seen]) => ({
      insert: `${name}:`,
      start,
      end,
      label: name,
      detail: `in ${seen} of the events seen`,
      kind: 'field',
    }));
  return [...own, ...below].slice(0, 14);
}
