/**
 * Reads JSON without losing anything: numbers keep their text, members their order and their place in the source.
 *
 * `JSON.parse` turns 12345678901234567890 into another number. An audit log may not show another number.
 */

import { endOfString } from './lines';

export type Json =
  | { kind: 'object'; members: [string, Json][] }
  | { kind: 'array'; items: Json[] }
  | { kind: 'string'; value: string }
  | { kind: 'number'; text: string }
  | { kind: 'boolean'; value: boolean }
  | { kind: 'null' };

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

class Reader {
  at = 0;
  constructor(readonly text: string) {}

  blank(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return;
      this.at++;
    }
  }

  fail(): never {
    throw new SyntaxError(`not JSON at character ${this.at}`);
  }

  /** The source of the string that begins here, quotes included. */
  quoted(): string {
    const start = this.at;
    if (this.text[start] !== '"') this.fail();
    this.at = endOfString(this.text, start) + 1;
    return this.text.slice(start, this.at);
  }

  value(): Json {
    this.blank();
    const char = this.text[this.at];
    if (char === '{') return this.object();
    if (char === '[') return this.array();
    if (char === '"') return { kind: 'string', value: JSON.parse(this.quoted()) as string };
    for (const [word, json] of LITERALS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return json;
      }
    }
    NUMBER.lastIndex = this.at;
    const number = NUMBER.exec(this.text)?.[0];
    if (number === undefined) this.fail();
    this.at += number.length;
    return { kind: 'number', text: number };
  }

  object(): Json {
    const members: [string, Json][] = [];
    this.list('}', () => {
      const name = JSON.parse(this.quoted()) as string;
      this.blank();
      if (this.text[this.at++] !== ':') this.fail();
      members.push([name, this.value()]);
    });
    return { kind: 'object', members };
  }

  array(): Json {
    const items: Json[] = [];
    this.list(']', () => items.push(this.value()));
    return { kind: 'array', items };
  }

  list(closing: string, item: () => void): void {
    this.at++;
    this.blank();
    if (this.text[this.at] === closing) {
      this.at++;
      return;
    }
    for (;;) {
      this.blank();
      item();
      this.blank();
      const next = this.text[this.at++];
      if (next === closing) return;
      if (next !== ',') this.fail();
    }
  }
}

const LITERALS: [string, Json][] = [
  ['true', { kind: 'boolean', value: true }],
  ['false', { kind: 'boolean', value: false }],
  ['null', { kind: 'null' }],
];

/** @throws SyntaxError where the text is not JSON. */
export function readJson(text: string): Json {
  const reader = new Reader(text);
  const json = reader.value();
  reader.blank();
  if (reader.at !== text.length) reader.fail();
  return json;
}

export function member(json: Json | undefined, ...path: string[]): Json | undefined {
  let now = json;
  for (const name of path) {
    now = now?.kind === 'object' ? now.members.find(([each]) => each === name)?.[1] : undefined;
  }
  return now;
}

/** A value in one line: strings as they are, everything else as JSON. */
export function textOf(json: Json): string {
  switch (json.kind) {
    case 'string':
      return json.value;
    case 'number':
      return json.text;
    case 'boolean':
      return String(json.value);
    case 'null':
      return 'null';
    case 'array':
      return `[${json.items.map(compact).join(',')}]`;
    case 'object':
      return `{${json.members.map(([name, value]) => `${JSON.stringify(name)}:${compact(value)}`).join(',')}}`;
  }
}

export function compact(json: Json): string {
  return json.kind === 'string' ? JSON.stringify(json.value) : textOf(json);
}

/** JSON on lines of its own, two blanks a level. */
export function pretty(json: Json, indent = ''): string {
  const deeper = `${indent}  `;
  if (json.kind === 'object' && json.members.length > 0) {
    const lines = json.members.map(
      ([name, value]) => `${deeper}${JSON.stringify(name)}: ${pretty(value, deeper)}`,
    );
    return `{\n${lines.join(',\n')}\n${indent}}`;
  }
  if (json.kind === 'array' && json.items.length > 0) {
    return `[\n${json.items.map((item) => deeper + pretty(item, deeper)).join(',\n')}\n${indent}]`;
  }
  return compact(json);
}

/** Whether two values are the same JSON: numbers by value, members in any order. */
export function same(a: Json, b: Json): boolean {
  if (a.kind === 'object' && b.kind === 'object') {
    return (
      a.members.length === b.members.length &&
      a.members.every(([name, value]) => {
        const other = member(b, name);
        return other !== undefined && same(value, other);
      })
    );
  }
  if (a.kind === 'array' && b.kind === 'array') {
    return a.items.length === b.items.length && a.items.every((item, i) => same(item, b.items[i] as Json));
  }
  if (a.kind === 'number' && b.kind === 'number') return a.text === b.text || sameNumber(a.text, b.text);
  return a.kind === b.kind && textOf(a) === textOf(b);
}

function sameNumber(a: string, b: string): boolean {
  // Whole numbers beyond 2^53 must not become equal by rounding.
  return Number(a) === Number(b) && (Math.abs(Number(a)) <= Number.MAX_SAFE_INTEGER || /[.eE]/.test(a + b));
}
