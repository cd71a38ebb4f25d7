/** API calls: how many, how many fail, how long they take. */
import { useState } from 'preact/hooks';
import { ask } from '../api/client';
import type { Facets, Histogram, MetricGroup } from '../api/types';
import { seconds } from '../log/histogram';
import { range } from '../log/state';
import { TimePicker } from '../log/time-picker';
import { clauseFor } from '../query/edit';
import { follow, href } from '../state/route';
import { count, rangeParams } from '../time/time';
import { LinesChart, type Line } from '../ui/lines';
import { Button, Empty, Foreign } from '../ui/parts';
import { PageFrame, Panel, useAsk } from './frame';

/** A call is counted when its outcome is known: pending ones would count twice. */
const CALLS = 'category:api -status:pending';
const LATENCY = 'metadata.latency_ms';
const GROUPS = [
  ['metadata.path', 'Path'],
  ['metadata.method', 'Method'],
  ['metadata.status_code', 'Status code'],
  ['actor', 'Actor'],
] as const;
/** One question for each of these: a chart is worth some, not hundreds. */
const STEPS_MAX = 30;

interface Metrics {
  groups: MetricGroup[];
  groups_left_out: number;
}

interface Summary {
  calls: number;
  failed: number;
  latency: MetricGroup | null;
}

interface OverTime {
  starts: number[];
  calls: Line[];
  latency: Line[];
}

async function summary(q: string, aborted: AbortSignal): Promise<Summary> {
  const base = { ...rangeParams(range.peek()), q };
  const [facets, metrics] = await Promise.all([
    ask<Facets>('v1/facets', { ...base, fields: 'status' }, aborted),
    ask<Metrics>('v1/metrics/query', { ...base, field: LATENCY }, aborted),
  ]);
  const failed = facets.facets['status']?.values.find((each) => each.value === 'failure')?.count ?? 0;
  return { calls: facets.matched, failed, latency: metrics.groups.find((each) => each.count > 0) ?? null };
}

async function overTime(q: string, aborted: AbortSignal): Promise<OverTime> {
  const base = { ...rangeParams(range.peek()), q };
  const all = await ask<Histogram>('v1/histogram', { ...base, split: 'status' }, aborted);
  const each = Math.max(1, Math.ceil(all.buckets.length / STEPS_MAX));
  const steps: Histogram['buckets'][] = [];
  for (let i = 0; i < all.buckets.length; i += each) steps.push(all.buckets.slice(i, i + each));
  const width = seconds(all.interval) * 1000;
  const latencies: (MetricGroup | null)[] = steps.map(() => null);
  // Four at a time, so that the page leaves room for others.
  let next = 0;
  const work = async () => {
    for (let i = next++; i < steps.length; i = next++) {
      const step = steps[i] ?? [];
      const from = step[0]?.start;
      if (from === undefined || step.every((bucket) => bucket.count === 0)) continue;
      const to = new Date(Date.parse(step.at(-1)?.start ?? from) + width).toISOString();
      const answer = await ask<Metrics>('v1/metrics/query', { q, from, to, field: LATENCY }, aborted);
      latencies[i] = answer.groups.find((group) => group.count > 0) ?? null;
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  const starts = steps.map((step) => Date.parse(step[0]?.start ?? '') / 1000);
  const sum = (step: Histogram['buckets'], pick: (bucket: Histogram['buckets'][number]) => number) =>
    step.reduce((total, bucket) => total + pick(bucket), 0);
  const line = (label: string, colour: string, pick: (group: MetricGroup) => number): Line => ({
    label,
    colour,
    values: latencies.map((group) => (group ? pick(group) : null)),
  });
  return {
    starts,
    calls: [
      {
        label: 'requests',
        colour: '--accent',
        values: steps.map((step) => sum(step, (bucket) => bucket.count)),
      },
      {
        label: 'failure',
        colour: '--bad',
        values: steps.map((step) => sum(step, (bucket) => bucket.by['failure'] ?? 0)),
      },
    ],
    latency: [
      line('p50', '--accent', (group) => group.p50),
      line('p95', '--warn', (group) => group.p95),
      line('p99', '--bad', (group) => group.p99),
    ],
  };
}

interface GroupRow extends MetricGroup {
  failed: number;
}

async function groups(by: string, aborted: AbortSignal): Promise<{ rows: GroupRow[]; left: number }> {
  const base = rangeParams(range.peek());
  const [metrics, failures] = await Promise.all([
    ask<Metrics>('v1/metrics/query', { ...base, q: CALLS, field: LATENCY, group_by: by, top: 200 }, aborted),
    ask<Facets>('v1/facets', { ...base, q: 'category:api status:failure', fields: by, top: 1000 }, aborted),
  ]);
  const failed = new Map((failures.facets[by]?.values ?? []).map((each) => [nameOf(each.value), each.count]));
  const rows = metrics.groups
    .filter((each) => each.count > 0)
    .map((each) => ({ ...each, failed: each.key === null ? 0 : (failed.get(nameOf(each.key)) ?? 0) }));
  return { rows, left: metrics.groups_left_out };
}

function nameOf(key: unknown): string {
  return typeof key === 'string' ? key : JSON.stringify(key);
}

function ms(value: number): string {
  return value >= 10_000
    ? `${count(Math.round(value / 100) / 10)} s`
    : `${count(Math.round(value * 10) / 10)} ms`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(part === 0 ? 0 : 2)} %`;
}

const COLUMNS: [keyof GroupRow, string][] = [
  ['count', 'Requests'],
  ['failed', 'Error rate'],
  ['p50', 'p50'],
  ['p95', 'p95'],
  ['p99', 'p99'],
  ['max', 'Max'],
];

function GroupTable({
  rows,
  left,
  by,
  label,
  onPick,
}: {
  rows: GroupRow[];
  left: number;
  by: string;
  label: string;
  onPick: (clause: string) => void;
}) {
  const [sort, setSort] = useState<keyof GroupRow>('count');
  const value = (row: GroupRow) => (sort === 'failed' ? row.failed / row.count : Number(row[sort]));
  const sorted = [...rows].sort((a, b) => value(b) - value(a));
  const field = by === 'actor' ? 'actor' : `@${by.slice('metadata.'.length)}`;
  return (
    <>
      <div class="scroll-x" tabIndex={0} role="region" aria-label={`Latency by ${label.toLowerCase()}`}>
        <table class="data">
          <thead>
            <tr>
              <th scope="col">{label}</th>
              {COLUMNS.map(([name, title]) => (
                <th key={name} scope="col" class="number" aria-sort={sort === name ? 'descending' : 'none'}>
                  <button type="button" onClick={() => setSort(name)}>
                    {title}
                    {sort === name ? ' ↓' : ''}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, 100).map((row) => (
              <tr key={nameOf(row.key)}>
                <th scope="row">
                  {row.key === null ? (
                    <span class="quiet">none</span>
                  ) : (
                    <button
                      type="button"
                      class="link mono"
                      onClick={() => onPick(clauseFor(field, nameOf(row.key)))}
                    >
                      <Foreign text={nameOf(row.key)} />
                    </button>
                  )}
                </th>
                <td class="number">{count(row.count)}</td>
                <td class={`number${row.failed > 0 ? ' bad' : ''}`}>{percent(row.failed, row.count)}</td>
                <td class="number">{ms(row.p50)}</td>
                <td class="number">{ms(row.p95)}</td>
                <td class="number">{ms(row.p99)}</td>
                <td class="number">{ms(row.max)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(left > 0 || rows.length > 100) && (
        <p class="quiet small">{count(left + Math.max(0, rows.length - 100))} more with fewer requests.</p>
      )}
    </>
  );
}

export function ApiPage() {
  const [by, setBy] = useState<string>('metadata.path');
  const [only, setOnly] = useState('');
  const key = JSON.stringify([range.value, only]);
  const q = only === '' ? CALLS : `${CALLS} ${only}`;
  const totals = useAsk(key, (aborted) => summary(q, aborted));
  const chart = useAsk(key, (aborted) => overTime(q, aborted));
  const table = useAsk(JSON.stringify([range.value, by]), (aborted) => groups(by, aborted));
  const label = GROUPS.find(([each]) => each === by)?.[1] ?? '';
  return (
    <PageFrame
      title="API"
      lead="Requests, their failures and their latency (metadata.latency_ms), from events of category api."
      tools={<TimePicker />}
    >
      {only !== '' && (
        <p class="only">
          Only <code>{only}</code>
          <Button bare icon="close" label="All requests" onClick={() => setOnly('')} />
          <a href={href('log', { q: `category:api ${only}`, ...range.value })} onClick={follow}>
            Open in the activity log
          </a>
        </p>
      )}
      <Panel title="Summary" asked={totals}>
        {(answer) => (
          <dl class="tiles">
            <div>
              <dt>Requests</dt>
              <dd>{count(answer.calls)}</dd>
            </div>
            <div class={answer.failed > 0 ? 'bad' : ''}>
              <dt>Error rate</dt>
              <dd>{percent(answer.failed, answer.calls)}</dd>
            </div>
            {(['p50', 'p95', 'p99'] as const).map((each) => (
              <div key={each}>
                <dt>{each} latency</dt>
                <dd>{answer.latency ? ms(answer.latency[each]) : '–'}</dd>
              </div>
            ))}
          </dl>
        )}
      </Panel>
      <div class="two">
        <Panel title="Requests over time" asked={chart}>
          {(answer) =>
            answer.starts.length === 0 ? (
              <Empty title="No requests in this range of time" />
            ) : (
              <LinesChart
                starts={answer.starts}
                lines={answer.calls}
                unit=""
                label="Requests and failures over time"
              />
            )
          }
        </Panel>
        <Panel title="Latency over time" asked={chart}>
          {(answer) =>
            answer.starts.length === 0 ? (
              <Empty title="No latencies in this range of time" />
            ) : (
              <LinesChart
                starts={answer.starts}
                lines={answer.latency}
                unit="ms"
                label="Latency percentiles over time"
              />
            )
          }
        </Panel>
      </div>
      <Panel
        title={`By ${label.toLowerCase()}`}
        asked={table}
        tools={
          <label class="inline">
            Group by{' '}
            <select value={by} onChange={(event) => setBy(event.currentTarget.value)}>
              {GROUPS.map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        }
      >
        {(answer) =>
          answer.rows.length === 0 ? (
            <Empty title="No event of this range has metadata.latency_ms">
              <p>Send api.response events with latency_ms, or choose a longer range of time.</p>
            </Empty>
          ) : (
            <GroupTable rows={answer.rows} left={answer.left} by={by} label={label} onPick={setOnly} />
          )
        }
      </Panel>
    </PageFrame>
  );
}
