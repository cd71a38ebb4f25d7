import { describe, expect, it } from 'vitest';
import { contentOf, grouped, isPermalink, moved, paramsOf, sameContent, type View } from './view';

const view = (id: string, more: Partial<View> = {}): View => ({
  id,
  name: id,
  q: 'status:failure',
  from: 'now-7d',
  to: null,
  order: 'desc',
  columns: null,
  shared: false,
  starred: false,
  mine: true,
  owner: { subject: 'usr_1', name: 'Ada' },
  version: 1,
  created_at: '2026-11-01T00:00:00Z',
  updated_at: '2026-11-01T00:00:00Z',
  ...more,
});
const address = (params: Record<string, string>) =>
  new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ''));

describe('views', () => {
  it('come back from the address as they went into it', () => {
    for (const each of [
      view('a'),
      view('b', { from: null, to: '2026-11-01T00:00:00Z', order: 'asc', columns: ['timestamp', '@a.b'] }),
      view('c', { q: '' }),
    ]) {
      const params = address(paramsOf(each));
      expect(sameContent(contentOf(params), each)).toBe(true);
      expect(isPermalink(params)).toBe(false);
    }
    expect(isPermalink(address({ view: 'a' }))).toBe(true);
    expect(isPermalink(address({}))).toBe(false);
  });
  it('are modified by each of their parts', () => {
    const now = contentOf(address(paramsOf(view('a'))));
    expect(sameContent(now, { ...now, q: ` ${now.q} ` })).toBe(true);
    for (const other of [
      { q: 'x' },
      { from: 'now-1h' },
      { to: 'now' },
      { order: 'asc' as const },
      { columns: ['actor'] },
    ])
      expect(sameContent(now, { ...now, ...other })).toBe(false);
  });
  it('an address without a range stands for the last day, as the page does', () => {
    expect(contentOf(address({})).from).toBe('now-24h');
  });
  it('are listed starred first, then own, then those of others', () => {
    const all = [view('a'), view('b', { mine: false }), view('c', { starred: true, mine: false }), view('d')];
    expect(grouped(all).map((each) => [each.title, each.views.map((one) => one.id)])).toEqual([
      ['Starred', ['c']],
      ['Yours', ['a', 'd']],
      ['Shared by others', ['b']],
    ]);
  });
  it('move within their group, past what lies between', () => {
    expect(moved(['a', 'x', 'b', 'c'], 'b', -1, ['a', 'b'])).toEqual(['b', 'a', 'x', 'c']);
    expect(moved(['a', 'x', 'b', 'c'], 'a', 1, ['a', 'b'])).toEqual(['x', 'b', 'a', 'c']);
    expect(moved(['a', 'b'], 'b', 1)).toEqual(['a', 'b']);
    expect(moved(['a', 'b'], 'none', 1)).toEqual(['a', 'b']);
  });
});
