/**
 * Reads the text of a query into tokens, as docs/QUERY.md says, and never fails: what is half typed is a token too.
 *
 * It serves colouring, completion and the controls that edit the text. What a query means, and whether it is one, is
 * for the server alone to say.
 */

export type Token = Mark | Clause | Text;

interface Place {
  start: number;
  end: number;
  /** Parentheses around it. */
  depth: number;
}

export interface Mark extends Place {
  kind: 'open' | 'close' | 'or' | 'and' | 'not' | 'minus';
}

export interface Clause extends Place {
  kind: 'clause';
  /** The field as it was written, without its operator. */
  field: string;
  op: string;
  opStart: number;
  valueStart: number;
  /** The value as it was written, quotes and parentheses included. */
  value: string;
}

export interface Text extends Place {
  kind: 'text';
  text: string;
}

const NAME = /[A-Za-z_][A-Za-z0-9_-]*/y;
const OPERATOR = /!=|!~|:>=|:<=|:>|:<|>=|<=|[:=~><]/y;
const BLANK = /\s/;

/** Typographic quotes are read as straight ones. */
function isQuote(char: string | undefined): boolean {
  return char === '"' || char === '“' || char === '”' || char === '„';
}

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** The end of the quoted text that begins at `at`; the end of all text where it is not closed. */
function endOfQuoted(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (isQuote(text[i])) return i + 1;
  }
  return text.length;
}

/** The end of a field (`a.b`, `@a."b c"`) that begins at `at`, or null where none does. */
function endOfField(text: string, at: number): number | null {
  let i = text[at] === '@' ? at + 1 : at;
  for (;;) {
    if (text[i] === '"') {
      const end = endOfQuoted(text, i);
      if (text[end - 1] !== '"' || end === i + 1) return null;
      i = end;
    } else {
      const name = matchAt(NAME, text, i);
      if (name === null) return null;
      i += name.length;
    }
    if (text[i] !== '.') return i;
    i++;
  }
}

function endOfTerm(text: string, at: number, stops: string): number {
  let i = at;
  while (i < text.length && !BLANK.test(text[i] ?? '') && !stops.includes(text[i] ?? '')) {
    i += text[i] === '\\' ? 2 : 1;
  }
  return Math.min(i, text.length);
}

function endOfBracketed(text: string, at: number, closing: string): number {
  let i = at + 1;
  while (i < text.length) {
    if (isQuote(text[i])) {
      i = endOfQuoted(text, i);
      continue;
    }
    if (text[i] === '\\') {
      i += 2;
      continue;
    }
    if (text[i] === '[' || text[i] === '{') {
      i = endOfBracketed(text, i, ']}');
      continue;
    }
    if (closing.includes(text[i] ?? '')) return i + 1;
    i++;
  }
  return text.length;
}

function endOfValue(text: string, at: number): number {
  const first = text[at];
  if (first === '(') return endOfBracketed(text, at, ')');
  if (first === '[' || first === '{') return endOfBracketed(text, at, ']}');
  if (isQuote(first)) {
    const end = endOfQuoted(text, at);
    return text[end] === '*' ? end + 1 : end;
  }
  return endOfTerm(text, at, ')');
}

export function lex(text: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  let i = 0;
  while (i < text.length) {
    const char = text[i] ?? '';
    const start = i;
    if (BLANK.test(char)) {
      i++;
      continue;
    }
    if (char === '(') {
      tokens.push({ kind: 'open', start, end: ++i, depth: depth++ });
      continue;
    }
    if (char === ')') {
      depth = Math.max(0, depth - 1);
      tokens.push({ kind: 'close', start, end: ++i, depth });
      continue;
    }
    if (char === '-' && i + 1 < text.length && !BLANK.test(text[i + 1] ?? '')) {
      tokens.push({ kind: 'minus', start, end: ++i, depth });
      continue;
    }
    const fieldEnd = endOfField(text, i);
    const op = fieldEnd === null ? null : matchAt(OPERATOR, text, fieldEnd);
    if (fieldEnd !== null && op !== null) {
      const valueStart = fieldEnd + op.length;
      i = endOfValue(text, valueStart);
      const value = text.slice(valueStart, i);
      tokens.push({
        kind: 'clause',
        start,
        end: i,
        depth,
        field: text.slice(start, fieldEnd),
        op,
        opStart: fieldEnd,
        valueStart,
        value,
      });
      continue;
    }
    i = isQuote(char) ? endOfValue(text, i) : endOfTerm(text, i, ')');
    if (i === start) i++;
    const word = text.slice(start, i);
    if (word === 'OR' || word === 'AND' || word === 'NOT') {
      tokens.push({ kind: word.toLowerCase() as 'or' | 'and' | 'not', start, end: i, depth });
    } else {
      tokens.push({ kind: 'text', start, end: i, depth, text: word });
    }
  }
  return tokens;
}
