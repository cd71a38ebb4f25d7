/** How many events there are by time, by status; drag over it to look closer. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Histogram as Data } from '../api/types';
import { withoutTimes } from '../query/edit';
import { dark } from '../state/media';
import { theme, zone } from '../state/prefs';
import { count, stamp, toMillis, DEFAULT_FROM } from '../time/time';
import { timeLabels } from '../ui/axis';
import { colour } from '../ui/colour';
import { Failed } from '../ui/parts';
import { histogram, range, refreshCounts, setQuery, written } from './state';

const HEIGHT = 104;
/** From the bottom of each bar to its top. */
const STATUSES = ['success', 'pending', 'failure'] as const;

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

export function seconds(interval: string): number {
  return Number(interval.slice(0, -1)) * (UNITS[interval.slice(-1)] ?? 1);
}

/** Sums from the bottom up; drawn from the highest to the lowest, each covers what is below it. */
export function stack(data: Data): number[][] {
  let sums = data.buckets.map(() => 0);
  return STATUSES.map((status) => (sums = sums.map((sum, i) => sum + (data.buckets[i]?.by[status] ?? 0))));
}

function ends(data: Data): [number, number] {
  const width = seconds(data.interval);
  const starts = data.buckets.map((each) => Date.parse(each.start) / 1000);
  const now = Date.now();
  const from = toMillis(range.peek().from || DEFAULT_FROM, now);
  const to = range.peek().to === '' ? null : toMillis(range.peek().to, now);
  const first = starts[0] ?? (from ?? now - 86_400_000) / 1000;
  const last = (starts.at(-1) ?? now / 1000) + width;
  const relative = range.peek().from.startsWith('now') || range.peek().from === '';
  return [
    from === null ? first : Math.min(first, from / 1000),
    to === null ? (relative ? Math.max(last, now / 1000) : last) : Math.max(last, to / 1000),
  ];
}

function draw(place: HTMLElement, data: Data, onHover: (index: number | null) => void): uPlot {
  const tops = stack(data);
  const starts = data.buckets.map((each) => Date.parse(each.start) / 1000);
  const width = seconds(data.interval);
  const bars = (uPlot.paths.bars as NonNullable<typeof uPlot.paths.bars>)({ size: [0.86, 40, 1], align: 1 });
  const order = [2, 1, 0] as const;
  const plot = new uPlot(
    {
      width: Math.max(120, place.clientWidth),
      height: HEIGHT,
      padding: [6, 0, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 4 } },
      scales: {
        x: { time: true, range: () => ends(data) },
        y: { range: (_, __, most) => [0, Math.max(1, most * 1.04)] },
      },
      tzDate: (at) =>
        zone.peek() === 'utc' ? uPlot.tzDate(new Date(at * 1000), 'Etc/UTC') : new Date(at * 1000),
      axes: [
        {
          stroke: colour('--quiet'),
          grid: { show: false },
          ticks: { show: false },
          size: 22,
          font: '11px system-ui',
          space: 70,
          values: timeLabels,
        },
        {
          stroke: colour('--quiet'),
          grid: { stroke: colour('--line'), width: 1 },
          ticks: { show: false },
          size: 46,
          font: '11px system-ui',
          space: 34,
          values: (_, marks) => marks.map((each) => (Number.isInteger(each) ? count(each) : '')),
        },
      ],
      series: [
        {},
        ...order.map((i) => ({
          label: STATUSES[i],
          fill: colour(`--bar-${STATUSES[i]}`),
          width: 0,
          paths: bars,
          points: { show: false },
        })),
      ],
      hooks: {
        setCursor: [(self: uPlot) => onHover(bucketAt(self, starts, width))],
        setSelect: [
          (self: uPlot) => {
            if (self.select.width < 3) return;
            const at = (left: number) => new Date(Math.round(self.posToVal(left, 'x')) * 1000).toISOString();
            const [from, to] = [at(self.select.left), at(self.select.left + self.select.width)];
            self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            if (from < to) setQuery(withoutTimes(written()), { from, to });
          },
        ],
      },
    },
    [starts, ...order.map((i) => tops[i] as number[])],
    place,
  );
  return plot;
}

function bucketAt(plot: uPlot, starts: number[], width: number): number | null {
  const left = plot.cursor.left ?? -1;
  if (left < 0) return null;
  const at = plot.posToVal(left, 'x');
  const index = starts.findLastIndex((start) => start <= at);
  return index >= 0 && at < (starts[index] ?? 0) + width ? index : null;
}

export function HistogramPanel() {
  const place = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const data = histogram.data.value;
  const problem = histogram.problem.value;
  const broken = problem !== null && problem.body.position === undefined;

  useEffect(() => {
    const element = place.current;
    if (!element || !data || broken) return undefined;
    const plot = draw(element, data, setHovered);
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: Math.max(120, element.clientWidth), height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [data, theme.value, zone.value, dark.value, broken]);

  if (broken) return <Failed problem={problem} onRetry={refreshCounts} />;
  const bucket = hovered === null ? undefined : data?.buckets[hovered];
  const totals = STATUSES.map(
    (status) => data?.buckets.reduce((sum, each) => sum + (each.by[status] ?? 0), 0) ?? 0,
  );
  const by = (status: (typeof STATUSES)[number]) =>
    bucket ? (bucket.by[status] ?? 0) : totals[STATUSES.indexOf(status)];
  return (
    <section class={`histogram${histogram.busy.value ? ' busy-now' : ''}`} aria-label="Events by time">
      <div class="histogram-legend">
        {STATUSES.map((status) => (
          <span key={status} class={`swatch ${status}`}>
            <i aria-hidden="true" />
            {status} {data && <b>{count(by(status) ?? 0)}</b>}
          </span>
        ))}
        <span class="quiet histogram-when">
          {bucket
            ? `${stamp(bucket.start, 's')} · ${data?.interval ?? ''}`
            : data && data.buckets.length > 0
              ? `bars of ${data.interval} · drag to zoom`
              : ''}
        </span>
      </div>
      <div
        ref={place}
        class="histogram-plot"
        role="img"
        aria-label={`Histogram: ${count(totals[0] ?? 0)} success, ${count(totals[2] ?? 0)} failure, ${count(totals[1] ?? 0)} pending, in bars of ${data?.interval ?? '?'}`}
      />
    </section>
  );
}
