/** Times for people, and ranges of time. */
import { zone } from '../state/prefs';
import { DEFAULT_FROM } from './range';

export const PRESETS = [
  { value: 'now-15m', label: 'Last 15 minutes' },
  { value: 'now-1h', label: 'Last 1 hour' },
  { value: 'now-24h', label: 'Last 24 hours' },
  { value: 'now-7d', label: 'Last 7 days' },
  { value: 'now-30d', label: 'Last 30 days' },
] as const;

/** A range as it stands in the address: `from` is empty for the default, `all` for no bound. */
export interface Range {
  from: string;
  to: string;
}

export { DEFAULT_FROM };

/** What the API takes for a range. */
export function rangeParams(range: Range): { from?: string; to?: string } {
  const from = range.from === '' ? DEFAULT_FROM : range.from;
  return { ...(from === 'all' ? {} : { from }), ...(range.to === '' ? {} : { to: range.to }) };
}

const UNITS: Record<string, [number, string]> = {
  s: [1000, 'second'],
  m: [60_000, 'minute'],
  h: [3_600_000, 'hour'],
  d: [86_400_000, 'day'],
  w: [604_800_000, 'week'],
};

/** Milliseconds of `now-7d` or of RFC 3339; null where it is neither. */
export function toMillis(text: string, now: number): number | null {
  if (text === 'now') return now;
  const relative = /^now([+-])(\d{1,6})([smhdw])$/.exec(text);
  if (relative) {
    const length = Number(relative[2]) * (UNITS[relative[3] ?? '']?.[0] ?? 0);
    return relative[1] === '-' ? now - length : now + length;
  }
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
}

export function rangeLabel(range: Range): string {
  const from = range.from === '' ? DEFAULT_FROM : range.from;
  if (from === 'all' && range.to === '') return 'All time';
  const preset = range.to === '' ? PRESETS.find((each) => each.value === from) : undefined;
  if (preset) return preset.label;
  const relative = /^now-(\d+)([smhdw])$/.exec(from);
  if (relative && range.to === '') {
    return `Last ${relative[1]} ${UNITS[relative[2] ?? '']?.[1] ?? ''}${relative[1] === '1' ? '' : 's'}`;
  }
  const short = (text: string) => (/^now/.test(text) ? text : stamp(text, 's'));
  if (from === 'all') return `Before ${short(range.to)}`;
  if (range.to === '') return `Since ${short(from)}`;
  return `${short(from)} – ${short(range.to)}`;
}

/**
 * Reads what people write for a range: `15m`, `last 3 days`, `2026-11`, `2026-11-01 to 2026-11-05`, `now-7d to now-1d`.
 *
 * Null where it is not understood.
 */
export function readRange(text: string, now: number): Range | null {
  const words = text.trim().toLowerCase();
  if (words === 'all' || words === 'all time') return { from: 'all', to: '' };
  const length = /^(?:last\s+)?(\d{1,5})?\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)$/.exec(
    words,
  );
  if (length) {
    const unit = (length[2] ?? 'h').charAt(0);
    return { from: `now-${Number(length[1] ?? '1')}${unit}`, to: '' };
  }
  const halves = text.trim().split(/\s+(?:to|–|-)\s+|\s*\.\.\s*/i);
  if (halves.length > 2) return null;
  const first = readMoment(halves[0] ?? '');
  const last = halves.length === 2 ? readMoment(halves[1] ?? '') : first;
  if (!first || !last) return null;
  const to = halves.length === 1 && first.relative ? '' : last.end;
  const [start, end] = [toMillis(first.start, now), to === '' ? Infinity : toMillis(to, now)];
  return start !== null && end !== null && start < end ? { from: first.start, to } : null;
}

/** A moment or a day, month, hour or minute: where it begins and where the next one does. */
function readMoment(text: string): { start: string; end: string; relative: boolean } | null {
  const lower = text.trim().toLowerCase();
  if (/^now([+-]\d{1,6}[smhdw])?$/.test(lower)) return { start: lower, end: lower, relative: true };
  const parts = /^(\d{4})(?:-(\d\d?))?(?:-(\d\d?))?(?:[t ](\d\d?)(?::(\d\d))?(?::(\d\d))?)?$/.exec(lower);
  if (!parts) {
    const exact = Date.parse(text.trim());
    if (Number.isNaN(exact) || !/^\d{4}-\d\d-\d\dt/i.test(text.trim())) return null;
    return { start: new Date(exact).toISOString(), end: new Date(exact).toISOString(), relative: false };
  }
  const given = parts.slice(1).map((part) => (part === undefined ? undefined : Number(part)));
  const depth = given.findIndex((part) => part === undefined);
  const last = (depth === -1 ? given.length : depth) - 1;
  const fields = [
    given[0] ?? 1970,
    (given[1] ?? 1) - 1,
    given[2] ?? 1,
    given[3] ?? 0,
    given[4] ?? 0,
    given[5] ?? 0,
  ] as const;
  const next = fields.map((field, i) => (i === last ? field + 1 : field)) as unknown as typeof fields;
  const at = zone.value === 'utc' ? new Date(Date.UTC(...fields)) : new Date(...fields);
  const after = zone.value === 'utc' ? new Date(Date.UTC(...next)) : new Date(...next);
  if (Number.isNaN(at.getTime()) || at.getTime() < 0) return null;
  return { start: at.toISOString(), end: after.toISOString(), relative: false };
}

const two = (value: number) => String(value).padStart(2, '0');

/** `2026-11-23 07:28:00.123` in the zone that was chosen; decimals as the event has them, at most those asked for. */
export function stamp(text: string, precision: 's' | 'ms' | 'all' = 'ms'): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return text;
  const utc = zone.value === 'utc';
  const date = utc
    ? [time.getUTCFullYear(), time.getUTCMonth() + 1, time.getUTCDate()]
    : [time.getFullYear(), time.getMonth() + 1, time.getDate()];
  const clock = utc
    ? [time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds()]
    : [time.getHours(), time.getMinutes(), time.getSeconds()];
  // The event's own decimals: a Date holds only three of up to nine.
  const decimals = /\.(\d+)/.exec(text)?.[1] ?? '';
  const shown = precision === 's' ? '' : precision === 'ms' ? decimals.slice(0, 3).padEnd(3, '0') : decimals;
  return `${date.map((part, i) => (i === 0 ? String(part) : two(part))).join('-')} ${clock.map(two).join(':')}${shown === '' ? '' : `.${shown}`}`;
}

export function zoneName(): string {
  if (zone.value === 'utc') return 'UTC';
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return 'UTC+0';
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${Math.floor(size / 60)}${size % 60 === 0 ? '' : `:${two(size % 60)}`}`;
}

/** `3 min ago`, `in 2 h`. */
export function ago(text: string, now = Date.now()): string {
  const time = Date.parse(text);
  if (Number.isNaN(time)) return '';
  const seconds = Math.round((now - time) / 1000);
  const size = Math.abs(seconds);
  const [count, unit] =
    size < 60
      ? [size, 's']
      : size < 3600
        ? [Math.floor(size / 60), 'min']
        : size < 86_400
          ? [Math.floor(size / 3600), 'h']
          : size < 86_400 * 60
            ? [Math.floor(size / 86_400), 'd']
            : size < 86_400 * 730
              ? [Math.floor(size / 2_629_800), 'months']
              : [Math.floor(size / 31_557_600), 'years'];
  return seconds < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function short(value: number): string {
  if (value < 10_000) return count(value);
  return value < 1_000_000
    ? `${(value / 1000).toFixed(value < 100_000 ? 1 : 0)}k`
    : `${(value / 1_000_000).toFixed(1)}M`;
}
