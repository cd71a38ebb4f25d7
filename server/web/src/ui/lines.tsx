/** Lines over time, with a legend that tells the values under the pointer. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { dark } from '../state/media';
import { theme, zone } from '../state/prefs';
import { stamp } from '../time/time';
import { timeLabels } from './axis';
import { colour } from './colour';
import { Foreign } from './parts';

export interface Line {
  label: string;
  colour: string;
  values: (number | null)[];
}

const HEIGHT = 170;

export function LinesChart({
  starts,
  lines,
  format,
  label,
}: {
  starts: number[];
  lines: Line[];
  format: (value: number) => string;
  label: string;
}) {
  const place = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  useEffect(() => {
    const element = place.current;
    if (!element || starts.length === 0) return undefined;
    const axis = { stroke: colour('--quiet'), ticks: { show: false }, font: '11px system-ui' };
    const plot = new uPlot(
      {
        width: Math.max(160, element.clientWidth),
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        tzDate: (time) =>
          zone.peek() === 'utc' ? uPlot.tzDate(new Date(time * 1000), 'Etc/UTC') : new Date(time * 1000),
        scales: { y: { range: (_, __, most) => [0, Math.max(1, (most || 1) * 1.08)] } },
        axes: [
          { ...axis, grid: { show: false }, size: 24, space: 80, values: timeLabels },
          {
            ...axis,
            grid: { stroke: colour('--line'), width: 1 },
            size: 56,
            values: (_, marks) => marks.map(format),
          },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.5,
            spanGaps: true,
            points: { show: starts.length < 40, size: 4 },
          })),
        ],
        hooks: { setCursor: [(self: uPlot) => setAt(self.cursor.idx ?? null)] },
      },
      [starts, ...lines.map((line) => line.values)] as uPlot.AlignedData,
      element,
    );
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: Math.max(160, element.clientWidth), height: HEIGHT }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [starts, lines, theme.value, zone.value, dark.value]);
  const when = at === null ? undefined : starts[at];
  return (
    <div class="lines">
      <div class="histogram-legend">
        {lines.map((line) => {
          const value = at === null ? line.values.findLast((each) => each !== null) : line.values[at];
          return (
            <span key={line.label} class="swatch">
              <i aria-hidden="true" style={{ background: `var(${line.colour})` }} />
              <Foreign text={line.label} />{' '}
              <b>{value === null || value === undefined ? '–' : format(value)}</b>
            </span>
          );
        })}
        <span class="quiet histogram-when">
          {when === undefined ? 'latest' : stamp(new Date(when * 1000).toISOString(), 's')}
        </span>
      </div>
      <div ref={place} role="img" aria-label={label} />
    </div>
  );
}
