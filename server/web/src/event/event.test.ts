import { describe, expect, it } from 'vitest';
import { readJson } from '../json/read';
import { changesOf } from './changes';
import { framesOf, stackOf } from './stack';

describe('changes', () => {
  const of = (before: string, after: string) =>
    changesOf(before === '' ? null : readJson(before), after === '' ? null : readJson(after)).map(
      (each) => `${each.kind} ${each.path.join('.')}`,
    );
  it('names what was added, removed, changed and kept', () => {
    expect(of('{"a":1,"b":{"c":1,"d":2},"e":[1]}', '{"a":1.0,"b":{"c":2},"e":[1,2],"f":null}')).toEqual([
      'same a',
      'changed b.c',
      'removed b.d',
      'changed e',
      'added f',
    ]);
    expect(of('', '{"a":{"b":1}}')).toEqual(['added a.b']);
    expect(of('{"a":{}}', '')).toEqual(['removed a']);
    expect(of('', '')).toEqual([]);
  });
});

describe('stacks', () => {
  it('are found where errors are grouped by them', () => {
    expect(stackOf(readJson('{"stack":["a","b"]}'))).toBe('a\nb');
    expect(stackOf(readJson('{"error":{"stack":"x"}}'))).toBe('x');
    expect(stackOf(readJson('{"stack":""}'))).toBeNull();
  });
  it('tell own frames from those of libraries', () => {
    const kinds = framesOf(
      'Error: x\n    at f (/srv/app/a.js:1:2)\n    at g (/srv/node_modules/b.js:3:4)\n  File "/srv/lib/c.py", line 1, in h',
    ).map((each) => each.kind);
    expect(kinds).toEqual(['message', 'own', 'library', 'library']);
  });
});
