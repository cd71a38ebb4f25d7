import { describe, expect, it, vi } from 'vitest';

vi.stubGlobal('document', { documentElement: { dataset: {} } });
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
const { ago, rangeLabel, rangeParams, readRange, stamp, toMillis } = await import('./time');
const { zone } = await import('../state/prefs');
const now = Date.parse('2026-11-29T12:00:00Z');

describe('ranges', () => {
  it('are read as people write them', () => {
    zone.value = 'utc';
    expect(readRange('15m', now)).toEqual({ from: 'now-15m', to: '' });
    expect(readRange('last 3 days', now)).toEqual({ from: 'now-3d', to: '' });
    expect(readRange('2026-11', now)).toEqual({
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
    });
    expect(readRange('2026-11-01 to 2026-11-02', now)).toEqual({
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-11-03T00:00:00.000Z',
    });
    expect(readRange('2026-11-23 07:28 .. now', now)).toEqual({
      from: '2026-11-23T07:28:00.000Z',
      to: 'now',
    });
    expect(readRange('now-7d to now-1d', now)).toEqual({ from: 'now-7d', to: 'now-1d' });
    expect(readRange('all', now)).toEqual({ from: 'all', to: '' });
    for (const text of ['', 'soon', '2026-11-05 to 2026-11-01', '99999', 'now-1d to now-7d'])
      expect(readRange(text, now)).toBeNull();
  });
  it('are named and sent', () => {
    expect(rangeLabel({ from: '', to: '' })).toBe('Last 24 hours');
    expect(rangeLabel({ from: 'now-3d', to: '' })).toBe('Last 3 days');
    expect(rangeLabel({ from: 'all', to: '' })).toBe('All time');
    expect(rangeParams({ from: 'all', to: '' })).toEqual({});
    expect(rangeParams({ from: '', to: '' })).toEqual({ from: 'now-24h' });
    expect(toMillis('now-1h', now)).toBe(now - 3_600_000);
    expect(toMillis('nonsense', now)).toBeNull();
  });
});

describe('times', () => {
  it('keep the decimals of the event', () => {
    zone.value = 'utc';
    expect(stamp('2026-11-23T07:28:00.123456789Z', 'all')).toBe('2026-11-23 07:28:00.123456789');
    expect(stamp('2026-11-23T07:28:00Z')).toBe('2026-11-23 07:28:00.000');
    expect(stamp('not a time')).toBe('not a time');
    expect(ago('2026-11-29T11:57:00Z', now)).toBe('3 min ago');
    expect(ago('2026-11-29T12:00:05Z', now)).toBe('in 5 s');
  });
});
