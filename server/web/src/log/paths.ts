/** The metadata paths that events of this log were seen to have: a sample of all, and what lists showed since. */
import { askText } from '../api/client';
import type { LogEvent } from '../api/types';
import { cutLines } from '../json/lines';
import { pathsOf } from '../query/complete';
import { rows } from './state';

const SAMPLE = 200;

const seen = new Map<string, number>();
let sampled: Promise<void> | null = null;

function remember(events: readonly LogEvent[]): void {
  for (const [path, count] of pathsOf(events)) seen.set(path, Math.max(seen.get(path) ?? 0, count));
}

/** Reads the latest events once, whatever the query: it is the query that wants to know the paths. */
function sample(): Promise<void> {
  sampled ??= askText('v1/events', { limit: SAMPLE })
    .then((text) => remember(cutLines(text, 'events').lines.map((line) => JSON.parse(line) as LogEvent)))
    .catch(() => {
      sampled = null;
    });
  return sampled;
}

export async function knownPaths(): Promise<[string, number][]> {
  await sample();
  remember(rows.list.slice(0, 60).map((row) => row.event));
  return [...seen].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
