/**
 * Changes the text of a query the way a person would: the controls of the page have no state of their own, they read
 * the clauses that stand in the text and put others in their place.
 *
 * Only clauses that all matches must meet are read or changed: outside of parentheses, not negated, and not beside an
 * `OR`.
 */
import { lex, type Clause, type Token } from './lex';

const ALIASES: Record<string, string> = {
  id: 'event_id',
  seq: 'sequence',
  time: 'timestamp',
  ts: 'timestamp',
  type: 'event_type',
  cat: 'category',
  by: 'actor',
  email: 'actor.email',
  ip: 'actor.ip_address',
  ua: 'actor.user_agent',
  target: 'resource',
};

/** The field's full name: `cat` is `category`, `metadata.a` is `@a`. */
export function fullName(field: string): string {
  if (field.startsWith('metadata.')) return `@${field.slice('metadata.'.length)}`;
  return ALIASES[field] ?? field;
}

const PLAIN = /^[\p{L}\p{N}_.@:/+-]+$/u;

/** A value as it must be written so that it stands for itself. */
export function quoteValue(value: string): string {
  const reads = PLAIN.test(value) && !value.includes('..') && !/^[:=~<>-]/.test(value);
  if (reads && value !== 'OR' && value !== 'AND' && value !== 'NOT' && value !== 'TO') return value;
  return `"${value.replace(/[\\"“”„]/g, (found) => `\\${found}`)}"`;
}

/** A path below metadata as a field; names that are no plain words are quoted. */
export function pathField(path: readonly string[]): string {
  const names = path.map((name) =>
    /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : `"${name.replace(/[\\"]/g, (c) => `\\${c}`)}"`,
  );
  return `@${names.join('.')}`;
}

function unquote(text: string): string {
  const quoted = /^["“”„]([\s\S]*)["“”„]$/.exec(text);
  if (quoted) return (quoted[1] ?? '').replace(/\\(["\\“”„])/g, '$1');
  return text.replace(/\\([\s\S])/g, '$1');
}

/** The members of a list, or the one value; null where it is a range, a pattern or half typed. */
export function listOf(value: string): string[] | null {
  if (value === '' || value === '*' || /^[[{]/.test(value)) return null;
  if (!value.startsWith('(')) {
    if (/^["“”„]/.test(value)) return /["“”„]$/.test(value) && value.length > 1 ? [unquote(value)] : null;
    return /(^|[^\\])[*?]/.test(value) || value.includes('..') ? null : [unquote(value)];
  }
  if (!value.endsWith(')')) return null;
  const found: string[] = [];
  const member = /\s*(?:,|\bOR\b)?\s*("(?:[^"\\]|\\.)*"|(?:[^\s,\\]|\\.)+)/gy;
  const inside = value.slice(1, -1);
  let at = 0;
  while (at < inside.trimEnd().length) {
    member.lastIndex = at;
    const match = member.exec(inside);
    if (!match) return null;
    const text = match[1] ?? '';
    if (!text.startsWith('"') && /(^|[^\\])[*?]|^[[{]|\.\./.test(text)) return null;
    found.push(unquote(text));
    at = member.lastIndex;
  }
  return found;
}

function hasTopOr(tokens: Token[]): boolean {
  return tokens.some((token) => token.kind === 'or' && token.depth === 0);
}

/** The clauses that every match must meet. */
export function requiredClauses(text: string): Clause[] {
  const tokens = lex(text);
  if (hasTopOr(tokens)) return [];
  return tokens.filter((token, index): token is Clause => {
    const before = tokens[index - 1]?.kind;
    return token.kind === 'clause' && token.depth === 0 && before !== 'minus' && before !== 'not';
  });
}

function isChoice(clause: Clause, field: string): boolean {
  return fullName(clause.field) === field && (clause.op === ':' || clause.op === '=');
}

/** The values that the query asks for in this field; empty where it does not name any. */
export function chosen(text: string, field: string): string[] {
  for (const clause of requiredClauses(text)) {
    if (isChoice(clause, field)) {
      const values = listOf(clause.value);
      if (values) return values;
    }
  }
  return [];
}

function tidy(text: string): string {
  return text.replace(/[ \t]{2,}/g, ' ').trim();
}

function cut(text: string, clause: Clause): string {
  return tidy(
    `${text
      .slice(0, clause.start)
      .trimEnd()
      .replace(/(^|\s)AND$/, '$1')} ${text.slice(clause.end).trimStart()}`,
  );
}

/** Joins a clause to the query with AND. */
export function also(text: string, clause: string): string {
  const before = text.trim();
  if (before === '' || before === '*') return clause;
  const tokens = lex(before);
  const present = tokens.some((token, i) => {
    const sign = tokens[i - 1]?.kind === 'minus' ? '-' : '';
    return token.depth === 0 && sign + before.slice(token.start, token.end) === clause;
  });
  if (present && !hasTopOr(tokens)) return before;
  return hasTopOr(tokens) ? `(${before}) ${clause}` : `${before} ${clause}`;
}

/** The query without the clause that `choose` writes for this field: what the other values are counted with. */
export function without(text: string, field: string): string {
  const clause = requiredClauses(text).find((each) => isChoice(each, field) && listOf(each.value) !== null);
  return clause ? cut(text, clause) : text.trim();
}

/** Fields where a value also stands for what is below it, or for other spellings of it. */
function operatorOf(field: string): string {
  return field === 'event_type' || field === 'resource.id' || field.startsWith('@') ? '=' : ':';
}

/** Asks for these values of a field, in place of those that stood there; for none: takes the clause out. */
export function choose(text: string, field: string, values: readonly string[]): string {
  const written = values.map(quoteValue);
  const value = written.length === 1 ? written[0] : `(${written.join(' OR ')})`;
  const clause = `${field}${operatorOf(field)}${value}`;
  const old = requiredClauses(text).find((each) => isChoice(each, field) && listOf(each.value) !== null);
  if (!old) return values.length === 0 ? text.trim() : also(text, clause);
  if (values.length === 0) return cut(text, old);
  return text.slice(0, old.start) + clause + text.slice(old.end);
}

export function toggle(text: string, field: string, value: string): string {
  const now = chosen(text, field);
  return choose(text, field, now.includes(value) ? now.filter((each) => each !== value) : [...now, value]);
}

/** A clause for one value of an event; `value` is JSON for numbers and literals, plain text for strings. */
export function clauseFor(field: string, value: string): string {
  return `${field}${operatorOf(field)}${quoteValue(value)}`;
}

export function include(text: string, field: string, value: string): string {
  return also(text, clauseFor(field, value));
}

export function exclude(text: string, field: string, value: string): string {
  return also(text, `-${clauseFor(field, value)}`);
}

/** Takes every clause on time out of the query: the time control takes over. */
export function withoutTimes(text: string): string {
  let now = text;
  for (;;) {
    const clause = requiredClauses(now).find((each) => isTime(each));
    if (!clause) return now.trim();
    now = cut(now, clause);
  }
}

function isTime(clause: Clause): boolean {
  return clause.field === 'last' || fullName(clause.field) === 'timestamp';
}

/** The clauses on time that stand in the query, as they were written. */
export function timesIn(text: string): string[] {
  return requiredClauses(text)
    .filter(isTime)
    .map((clause) => text.slice(clause.start, clause.end));
}
