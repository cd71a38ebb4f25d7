import { describe, expect, it } from 'vitest';
import {
  also,
  choose,
  chosen,
  clauseFor,
  exclude,
  listOf,
  pathField,
  quoteValue,
  timesIn,
  toggle,
  without,
  withoutTimes,
} from './edit';
import { lex } from './lex';

const kinds = (text: string) =>
  lex(text).map((token) => `${token.kind}:${text.slice(token.start, token.end)}`);

describe('lex', () => {
  it('reads clauses, words, phrases and marks', () => {
    expect(kinds('a OR (b -status:failure)')).toEqual([
      'text:a',
      'or:OR',
      'open:(',
      'text:b',
      'minus:-',
      'clause:status:failure',
      'close:)',
    ]);
    expect(kinds('"rate limited" @latency_ms>=500')).toEqual([
      'text:"rate limited"',
      'clause:@latency_ms>=500',
    ]);
    expect(kinds('ip:2001:db8::1 jane@example.com 10.0.0.0/8')).toEqual([
      'clause:ip:2001:db8::1',
      'text:jane@example.com',
      'text:10.0.0.0/8',
    ]);
    expect(kinds('@code:(404, [500 TO 599], *) @"a b".c:x')).toEqual([
      'clause:@code:(404, [500 TO 599], *)',
      'clause:@"a b".c:x',
    ]);
    expect(kinds('agent-1 - x\\ y')).toEqual(['text:agent-1', 'text:-', 'text:x\\ y']);
  });
  it('takes what is half typed', () => {
    for (const text of [
      '"',
      'status:',
      'status:(',
      '@',
      '@a.',
      '-',
      '(',
      ')',
      '\\',
      'a:"x',
      'x:[1 TO',
      '@"',
      'a."',
    ]) {
      const tokens = lex(text);
      expect(tokens.at(-1)?.end ?? text.length).toBe(text.length);
    }
  });
});

describe('edit', () => {
  it('reads and writes the values of a field', () => {
    expect(chosen('cat:(api, auth) x', 'category')).toEqual(['api', 'auth']);
    expect(chosen('category:api OR x', 'category')).toEqual([]);
    expect(chosen('-category:api', 'category')).toEqual([]);
    expect(chosen('category:a*', 'category')).toEqual([]);
    expect(toggle('x', 'category', 'api')).toBe('x category:api');
    expect(toggle('category:api x', 'category', 'auth')).toBe('category:(api OR auth) x');
    expect(toggle('category:(api OR auth) x', 'category', 'api')).toBe('category:auth x');
    expect(toggle('x AND category:auth', 'category', 'auth')).toBe('x');
    expect(choose('a OR b', 'status', ['failure'])).toBe('(a OR b) status:failure');
    expect(without('a category:(api OR auth) b', 'category')).toBe('a b');
  });
  it('quotes what would be read as something else', () => {
    expect(quoteValue('ada@example.com')).toBe('ada@example.com');
    expect(quoteValue('a b')).toBe('"a b"');
    expect(quoteValue('a*')).toBe('"a*"');
    expect(quoteValue('say "no"\\')).toBe('"say \\"no\\"\\\\"');
    expect(quoteValue('1..2')).toBe('"1..2"');
    expect(quoteValue('OR')).toBe('"OR"');
    expect(quoteValue('')).toBe('""');
    expect(pathField(['a', 'b c', 'd.e'])).toBe('@a."b c"."d.e"');
  });
  it('reads back what it wrote', () => {
    for (const value of ['x', 'a b', 'a*?', '"', '\\', 'a,b', '(x)', 'OR', '“x”', 'x\ny']) {
      expect(chosen(choose('', 'actor.name', [value]), 'actor.name')).toEqual([value]);
      expect(chosen(choose('', 'actor.name', [value, 'other']), 'actor.name')).toEqual([value, 'other']);
    }
    expect(listOf('[1 TO 2]')).toBeNull();
    expect(listOf('(1,[1 TO 2])')).toBeNull();
  });
  it('does not say a clause twice', () => {
    expect(also('a status:failure', 'status:failure')).toBe('a status:failure');
    expect(exclude('x', '@code', '404')).toBe('x -@code=404');
    expect(exclude('x -@code=404', '@code', '404')).toBe('x -@code=404');
    expect(clauseFor('event_type', 'api.error')).toBe('event_type=api.error');
  });
  it('takes times out', () => {
    expect(timesIn('a last:24h ts>=2026')).toEqual(['last:24h', 'ts>=2026']);
    expect(withoutTimes('a last:24h b timestamp:[2026 TO 2027}')).toBe('a b');
  });
});
