/** What of the searched range is in the archive, and how to get it back. */
import type { Archived } from '../api/types';
import { follow, href } from '../state/route';
import { count, stamp } from '../time/time';
import { rows } from './state';

/** The range that holds all of them. */
export function span(gaps: readonly Archived[]): { from: string; to: string; events: number } {
  const by = (pick: (gap: Archived) => string, sign: number) =>
    [...gaps].map(pick).sort((a, b) => sign * (Date.parse(a) - Date.parse(b)))[0] ?? '';
  return {
    from: by((gap) => gap.from, 1),
    to: by((gap) => gap.to, -1),
    events: gaps.reduce((sum, gap) => sum + gap.events, 0),
  };
}

export function RestoreLink({ gaps }: { gaps: readonly Archived[] }) {
  const { from, to } = span(gaps);
  return (
    <a href={href('archive', { restore_from: from, restore_to: to })} onClick={follow}>
      Restore them
    </a>
  );
}

export function GapNote() {
  const gaps = rows.first.problem.value ? [] : (rows.first.data.value?.page.archived ?? []);
  if (gaps.length === 0) return null;
  const { from, to, events } = span(gaps);
  return (
    <p class="query-note" role="status">
      Not searched: {count(events)} events of {stamp(from, 's')} to {stamp(to, 's')} are in the archive.{' '}
      <RestoreLink gaps={gaps} />
    </p>
  );
}
