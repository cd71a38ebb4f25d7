/** What differs between the state before and the state after. */
import { same, type Json } from '../json/read';

export interface Change {
  path: string[];
  before: Json | null;
  after: Json | null;
  kind: 'added' | 'removed' | 'changed' | 'same';
}

/** Goes down where both sides are objects; arrays and values are compared as a whole. */
export function changesOf(before: Json | null, after: Json | null, path: string[] = []): Change[] {
  if (before?.kind === 'object' && after?.kind === 'object') {
    const names = [...new Set([...before.members, ...after.members].map(([name]) => name))];
    return names.flatMap((name) => {
      const side = (json: { members: [string, Json][] }) =>
        json.members.find(([each]) => each === name)?.[1] ?? null;
      return changesOf(side(before), side(after), [...path, name]);
    });
  }
  const one = before ?? after;
  if ((before === null || after === null) && one?.kind === 'object' && one.members.length > 0) {
    return one.members.flatMap(([name, value]) =>
      before === null ? changesOf(null, value, [...path, name]) : changesOf(value, null, [...path, name]),
    );
  }
  if (before === null && after === null) return [];
  if (before === null) return [{ path, before, after, kind: 'added' }];
  if (after === null) return [{ path, before, after, kind: 'removed' }];
  return [{ path, before, after, kind: same(before, after) ? 'same' : 'changed' }];
}
