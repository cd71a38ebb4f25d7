import { describe, expect, it } from 'vitest';
import type { ArchivedSegment } from '../api/types';
import { bytesText, placeOn, stretches } from './tiers';

const segment = (first: number, state: ArchivedSegment['state'], more: Partial<ArchivedSegment> = {}) => ({
  first_sequence: first,
  last_sequence: first + 9,
  from: `2026-01-0${1 + first / 10}T00:00:00Z`,
  to: `2026-01-0${2 + first / 10}T00:00:00Z`,
  events: 10,
  bytes: 100,
  state,
  expires_at: null,
  ...more,
});

describe('tiers', () => {
  it('joins neighbours of one state, whose times may overlap', () => {
    const found = stretches([
      segment(0, 'archived'),
      segment(10, 'archived', { from: '2025-12-30T00:00:00Z' }),
      segment(20, 'restored', { expires_at: '2026-02-01T00:00:00Z' }),
      segment(30, 'archived'),
      segment(50, 'archived'),
    ]);
    expect(found.map((each) => [each.state, each.first_sequence, each.last_sequence, each.events])).toEqual([
      ['archived', 0, 19, 20],
      ['restored', 20, 29, 10],
      ['archived', 30, 39, 10],
      ['archived', 50, 59, 10],
    ]);
    expect(found[0]).toMatchObject({ from: '2025-12-30T00:00:00Z', to: '2026-01-03T00:00:00Z', segments: 2 });
  });
  it('keeps every stretch in sight and within the axis', () => {
    expect(placeOn({ start: 0, end: 100 }, 25, 75)).toEqual({ left: 25, width: 50 });
    expect(placeOn({ start: 0, end: 1e9 }, 1e9 - 1, 1e9).left).toBeLessThan(100);
    expect(placeOn({ start: 0, end: 1e9 }, 5, 6).width).toBeGreaterThan(0.5);
    expect(placeOn({ start: 5, end: 5 }, 5, 5).left).toBe(0);
  });
  it('writes sizes', () => {
    expect([0, 1023, 1024, 1_500_000, 5 * 1024 ** 4].map(bytesText)).toEqual([
      '0 B',
      '1023 B',
      '1.0 KiB',
      '1.4 MiB',
      '5.0 TiB',
    ]);
  });
});
