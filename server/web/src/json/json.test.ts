import { describe, expect, it } from 'vitest';
import { cutEvent, cutLines, recordOf } from './lines';
import { compact, member, pretty, readJson, same } from './read';

describe('readJson', () => {
  it('keeps the text of numbers, the order of members and every character', () => {
    const text = '{"b":12345678901234567890,"a":1.0,"c":[1e400,-0,true,false,null,"\\u0000\\"é😀"],"":{}}';
    expect(compact(readJson(text))).toBe(text);
    expect(JSON.parse(pretty(readJson(text)))).toEqual(JSON.parse(text));
  });
  it('refuses what is not JSON', () => {
    for (const text of ['', '{', '{"a"}', '[1,]', 'nul', '"a', '1 2', '{"a":1,}', '+1']) {
      expect(() => readJson(text)).toThrow(SyntaxError);
    }
  });
  it('compares as JSON', () => {
    expect(same(readJson('{"a":1.0,"b":[2]}'), readJson('{"b":[2],"a":1}'))).toBe(true);
    expect(same(readJson('9007199254740993'), readJson('9007199254740992'))).toBe(false);
    expect(same(readJson('"1"'), readJson('1'))).toBe(false);
    expect(member(readJson('{"a":{"b":null}}'), 'a', 'b')).toEqual({ kind: 'null' });
  });
});

describe('lines', () => {
  it('cuts a page into its lines', () => {
    const a = '{"x":"}],{\\"","chain":{"sequence":1}}';
    const b = '{"y":[{"z":"\\\\"}],"chain":{"sequence":0}}';
    const cut = cutLines(`{"events":[${a},${b}],"next_cursor":null}`, 'events');
    expect(cut.lines).toEqual([a, b]);
    expect(JSON.parse(cut.rest)).toEqual({ events: [], next_cursor: null });
    expect(cutLines('{"events":[],"n":1}', 'events').lines).toEqual([]);
    expect(recordOf(a)).toBe('{"x":"}],{\\""}');
    expect(cutEvent(`{"event":${a},"inclusion":{"n":1}}`)).toEqual({
      line: a,
      rest: '{"event":null,"inclusion":{"n":1}}',
    });
  });
  it('says so where an answer is cut off', () => {
    expect(() => cutLines('{"events":[{"a":', 'events')).toThrow(SyntaxError);
    expect(() => cutLines('{"events":[{"a":"', 'events')).toThrow(SyntaxError);
    expect(() => cutLines('{"events":[{"a":1}', 'events')).toThrow(SyntaxError);
  });
});
