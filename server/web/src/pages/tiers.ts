/** What is where, in stretches that are worth a line: neighbours in one state are one. No calls. */
import type { ArchivedSegment, Tier } from '../api/types';

/** `local`: not in the archive yet. */
export interface Stretch extends Omit<ArchivedSegment, 'state'> {
  state: Tier | 'local';
  segments: number;
}

const earlier = (a: string, b: string) => (Date.parse(a) <= Date.parse(b) ? a : b);
const later = (a: string, b: string) => (Date.parse(a) >= Date.parse(b) ? a : b);

export function stretches(segments: readonly ArchivedSegment[]): Stretch[] {
  const found: Stretch[] = [];
  for (const each of segments) {
    const last = found.at(-1);
    const joins =
      last?.state === each.state &&
      last.expires_at === each.expires_at &&
      last.last_sequence + 1 === each.first_sequence;
    if (!last || !joins) {
      found.push({ ...each, segments: 1 });
      continue;
    }
    last.last_sequence = each.last_sequence;
    last.from = earlier(last.from, each.from);
    last.to = later(last.to, each.to);
    last.events += each.events;
    last.bytes += each.bytes;
    last.segments += 1;
  }
  return found;
}

/** Where a stretch lies on an axis from `start` to `end`, in parts of 100; never too thin to see. */
export function placeOn(axis: { start: number; end: number }, from: number, to: number) {
  const length = Math.max(1, axis.end - axis.start);
  const left = Math.min(99.4, Math.max(0, (100 * (from - axis.start)) / length));
  const width = Math.min(100 - left, Math.max(0.6, (100 * (to - from)) / length));
  return { left, width };
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
