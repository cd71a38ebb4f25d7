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
import { Segmented } from '../ui/fields';
import { LinesChart, type Line } from '../ui/lines';
import { Button, Empty, Foreign } from '../ui/parts';
import { DataTable, type Column } from '../ui/table';
import { PageFrame, Panel, useAsk } from './frame';

/** A call is counted when its outcome is known: pending ones would count twice. */
const CALLS = 'category:api -status:pending';
const LATENCY = 'metadata.latency_ms';
const PATH = 'metadata.path';
const GROUPS = [
  ['metadata.path', 'Path'],
  ['metadata.method', 'Method'],
  ['metadata.status_code', 'Status code'],
  ['actor', 'Actor'],
] as const;
/** One question for each of these, and in another view two: a chart is worth some, not hundreds. */
const STEPS_MAX = 24;
/** At a time, so that the page leaves room for others. */
const AT_ONCE = 2;
/** Lines that can still be told apart. */
const PATHS_MAX = 5;

interface Metrics {
  groups: MetricGroup[];
  groups_left_out: number;
}

interface Summary {
  calls: number;
  failed: number;
  latency: MetricGroup | null;
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

interface OverTime {
  starts: number[];
  requests: Line[];
  errors: Line[];
  /** By percentile where the lines are paths, else one set. */
  latency: Record<Percentile, Line[]> | null;
  all: Line[];
}

type Percentile = 'p50' | 'p95' | 'p99';
const PERCENTILES: readonly Percentile[] = ['p50', 'p95', 'p99'];
const PERCENTILE_COLOURS = { p50: '--accent', p95: '--warn', p99: '--bad' } as const;
const PATH_COLOURS = ['--line-1', '--line-2', '--line-3', '--line-4', '--line-5'];

interface Step {
  from: string;
  to: string;
  buckets: Histogram['buckets'];
}

/** The range in equal steps, of as many bars of the histogram each. */
async function stepsOf(q: string, aborted: AbortSignal): Promise<Step[]> {
  const base = { ...rangeParams(range.peek()), q };
  const { buckets, interval } = await ask<Histogram>('v1/histogram', { ...base, split: 'status' }, aborted);
  const each = Math.max(1, Math.ceil(buckets.length / STEPS_MAX));
  const width = seconds(interval) * 1000;
  const steps: Step[] = [];
  for (let i = 0; i < buckets.length; i += each) {
    const part = buckets.slice(i, i + each);
    const from = part[0]?.start ?? '';
    steps.push({
      from,
      to: new Date(Date.parse(part.at(-1)?.start ?? from) + width).toISOString(),
      buckets: part,
    });
  }
  return steps;
}

/** Asks for each step that has events, a few at a time; the others stay null. */
async function forSteps<T>(steps: readonly Step[], work: (step: Step) => Promise<T>): Promise<(T | null)[]> {
  const found: (T | null)[] = steps.map(() => null);
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < steps.length; i = next++) {
      const step = steps[i];
      if (step?.buckets.some((bucket) => bucket.count > 0)) found[i] = await work(step);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return found;
}

const sum = (step: Step, pick: (bucket: Histogram['buckets'][number]) => number) =>
  step.buckets.reduce((total, bucket) => total + pick(bucket), 0);
const rate = (failed: number, all: number) => (all === 0 ? null : (100 * failed) / all);
const startsOf = (steps: readonly Step[]) => steps.map((step) => Date.parse(step.from) / 1000);

async function overTime(q: string, aborted: AbortSignal): Promise<OverTime> {
  const steps = await stepsOf(q, aborted);
  const latencies = await forSteps(steps, async ({ from, to }) => {
    const answer = await ask<Metrics>('v1/metrics/query', { q, from, to, field: LATENCY }, aborted);
    return answer.groups.find((group) => group.count > 0) ?? null;
  });
  const counts = steps.map((step) => sum(step, (bucket) => bucket.count));
  const failures = steps.map((step) => sum(step, (bucket) => bucket.by['failure'] ?? 0));
  return {
    starts: startsOf(steps),
    requests: [
      { label: 'requests', colour: '--accent', values: counts },
      { label: 'failure', colour: '--bad', values: failures },
    ],
    errors: [
      { label: 'error rate', colour: '--bad', values: counts.map((all, i) => rate(failures[i] ?? 0, all)) },
    ],
    latency: null,
    all: PERCENTILES.map((each) => ({
      label: each,
      colour: PERCENTILE_COLOURS[each],
      values: latencies.map((group) => group?.[each] ?? null),
    })),
  };
}

/** The same for the paths that are asked for most. */
async function overTimeByPath(q: string, aborted: AbortSignal): Promise<OverTime> {
  const base = { ...rangeParams(range.peek()), q };
  const [steps, facet] = await Promise.all([
    stepsOf(q, aborted),
    ask<Facets>('v1/facets', { ...base, fields: PATH, top: PATHS_MAX }, aborted),
  ]);
  const paths = (facet.facets[PATH]?.values ?? []).map((each) => nameOf(each.value));
  const answers = await forSteps(steps, async ({ from, to }) => {
    const ends = { q, from, to };
    const metrics = await ask<Metrics>(
      'v1/metrics/query',
      { ...ends, field: LATENCY, group_by: PATH, top: 50 },
      aborted,
    );
    const failed = await ask<Facets>(
      'v1/facets',
      { ...ends, q: `${q} status:failure`, fields: PATH, top: 50 },
      aborted,
    );
    return {
      groups: new Map(metrics.groups.map((group) => [nameOf(group.key), group])),
      failed: new Map((failed.facets[PATH]?.values ?? []).map((each) => [nameOf(each.value), each.count])),
    };
  });
  const lines = (pick: (answer: NonNullable<(typeof answers)[number]>, path: string) => number | null) =>
    paths.map((path, i) => ({
      label: path,
      colour: PATH_COLOURS[i] ?? '--accent',
      values: answers.map((answer) => (answer ? pick(answer, path) : null)),
    }));
  const latency = (each: Percentile) => lines((answer, path) => answer.groups.get(path)?.[each] ?? null);
  return {
    starts: startsOf(steps),
    requests: lines((answer, path) => answer.groups.get(path)?.count ?? 0),
    errors: lines((answer, path) => rate(answer.failed.get(path) ?? 0, answer.groups.get(path)?.count ?? 0)),
    latency: { p50: latency('p50'), p95: latency('p95'), p99: latency('p99') },
    all: [],
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

function round(value: number): string {
  return count(Math.round(value * 10) / 10);
}

function ms(value: number): string {
  return value >= 1_000 ? `${round(value / 1000)} s` : `${round(value)} ms`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(part === 0 ? 0 : 2)} %`;
}

const FIGURES: [keyof GroupRow, string, (row: GroupRow) => string][] = [
  ['count', 'Requests', (row) => count(row.count)],
  ['failed', 'Error rate', (row) => percent(row.failed, row.count)],
  ['p50', 'p50', (row) => ms(row.p50)],
  ['p95', 'p95', (row) => ms(row.p95)],
  ['p99', 'p99', (row) => ms(row.p99)],
  ['max', 'Max', (row) => ms(row.max)],
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
  const columns: Column<GroupRow>[] = [
    {
      name: label,
      head: true,
      cell: ({ key }) =>
        key === null ? (
          <span class="quiet">none</span>
        ) : (
          <button type="button" class="link mono" onClick={() => onPick(clauseFor(field, nameOf(key)))}>
            <Foreign text={nameOf(key)} />
          </button>
        ),
    },
    ...FIGURES.map(([name, title, cell]): Column<GroupRow> => ({
      name: title,
      kind: 'number',
      mark: (row) => (name === 'failed' && row.failed > 0 ? 'bad' : ''),
      sort: { on: sort === name, choose: () => setSort(name) },
      cell,
    })),
  ];
  return (
    <>
      <DataTable
        label={`Latency by ${label.toLowerCase()}`}
        columns={columns}
        rows={sorted.slice(0, 100)}
        keyOf={(row) => nameOf(row.key)}
      />
      {(left > 0 || rows.length > 100) && (
        <p class="quiet small">{count(left + Math.max(0, rows.length - 100))} more with fewer requests.</p>
      )}
    </>
  );
}

function Chart({
  answer,
  lines,
  format,
  label,
}: {
  answer: OverTime;
  lines: Line[];
  format: (value: number) => string;
  label: string;
}) {
  if (answer.starts.length === 0 || lines.length === 0)
    return (
      <Empty title="No requests in this range of time">
        <p>Send events of category api, or choose a longer range of time.</p>
      </Empty>
    );
  return <LinesChart starts={answer.starts} lines={lines} format={format} label={label} />;
}

const LINES = [
  ['all', 'All requests'],
  ['paths', `Busiest ${PATHS_MAX} paths`],
] as const;

export function ApiPage() {
  const [by, setBy] = useState<string>('metadata.path');
  const [only, setOnly] = useState('');
  const key = JSON.stringify([range.value, only]);
  const q = only === '' ? CALLS : `${CALLS} ${only}`;
  const totals = useAsk(key, (aborted) => summary(q, aborted));
  const [lines, setLines] = useState<(typeof LINES)[number][0]>('all');
  const [percentile, setPercentile] = useState<Percentile>('p95');
  const chart = useAsk(JSON.stringify([key, lines]), (aborted) =>
    lines === 'all' ? overTime(q, aborted) : overTimeByPath(q, aborted),
  );
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
      <div class="chart-lines">
        <Segmented label="Lines of the charts" options={LINES} now={lines} onChoose={setLines} />
      </div>
      <div class="two">
        <Panel title="Requests over time" asked={chart}>
          {(answer) => (
            <Chart answer={answer} lines={answer.requests} format={count} label="Requests over time" />
          )}
        </Panel>
        <Panel title="Error rate over time" asked={chart}>
          {(answer) => (
            <Chart
              answer={answer}
              lines={answer.errors}
              format={(value) => `${round(value)} %`}
              label="Error rate over time"
            />
          )}
        </Panel>
      </div>
      <Panel
        title="Latency over time"
        asked={chart}
        tools={
          lines === 'paths' && (
            <Segmented
              label="Percentile"
              options={PERCENTILES.map((each) => [each, each] as const)}
              now={percentile}
              onChoose={setPercentile}
            />
          )
        }
      >
        {(answer) => (
          <Chart
            answer={answer}
            lines={answer.latency?.[percentile] ?? answer.all}
            format={ms}
            label="Latency percentiles over time"
          />
        )}
      </Panel>
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
