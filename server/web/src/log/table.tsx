/** The events: a virtual table that reads on as it is scrolled. */
import { useEffect, useRef } from 'preact/hooks';
import { requiredClauses } from '../query/edit';
import { widths } from '../state/prefs';
import { change } from '../state/route';
import { count } from '../time/time';
import { Icon } from '../ui/icon';
import { useKeys } from '../ui/keys';
import { Busy, Button, Empty, Failed } from '../ui/parts';
import { useVirtual } from '../ui/virtual';
import { cell, labelOf } from './cells';
import {
  asked,
  columns,
  facets,
  live,
  order,
  query,
  range,
  refresh,
  resumeTail,
  rows,
  selected,
  setQuery,
  setRange,
  tail,
  type Column,
} from './state';

const ROW = 30;
const MIN_WIDTH = 60;
const ROW_PADDING = 8;

/** The last column takes what is left; where that is less than this, the table is scrolled. */
const LAST_LEAST = 120;

function template(list: readonly Column[]): string {
  return [...list.slice(0, -1).map((each) => `${each.width}px`), 'minmax(0, 1fr)'].join(' ');
}

function leastWidth(list: readonly Column[]): number {
  const last = Math.min(LAST_LEAST, list.at(-1)?.width ?? 0);
  return list.slice(0, -1).reduce((sum, each) => sum + each.width, last + 2 * ROW_PADDING);
}

function setWidth(id: string, width: number): void {
  widths.value = { ...widths.peek(), [id]: Math.max(MIN_WIDTH, Math.round(width)) };
}

function Resizer({ column }: { column: Column }) {
  const drag = (event: PointerEvent) => {
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.setPointerCapture(event.pointerId);
    const [startX, start] = [event.clientX, column.width];
    const move = (now: PointerEvent) => setWidth(column.id, start + now.clientX - startX);
    const end = () => {
      handle.removeEventListener('pointermove', move);
      handle.removeEventListener('pointerup', end);
    };
    handle.addEventListener('pointermove', move);
    handle.addEventListener('pointerup', end);
  };
  return (
    <span
      class="resizer"
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${labelOf(column.id)}`}
      aria-valuenow={column.width}
      aria-valuemin={MIN_WIDTH}
      aria-valuemax={1200}
      tabIndex={0}
      onPointerDown={drag}
      onKeyDown={(event) => {
        if (event.key === 'ArrowLeft') setWidth(column.id, column.width - 16);
        if (event.key === 'ArrowRight') setWidth(column.id, column.width + 16);
      }}
    />
  );
}

function Head({ list }: { list: readonly Column[] }) {
  return (
    <div class="table-row table-head" role="row" style={{ gridTemplateColumns: template(list) }}>
      {list.map((each) => (
        <div
          key={each.id}
          class="table-cell"
          role="columnheader"
          aria-sort={
            each.id === 'timestamp' ? (order.value === 'asc' ? 'ascending' : 'descending') : undefined
          }
        >
          {each.id === 'timestamp' ? (
            <button
              type="button"
              class="sort"
              title={order.value === 'asc' ? 'Oldest first' : 'Newest first'}
              onClick={() => {
                live.value = 'off';
                change({ order: order.peek() === 'asc' ? '' : 'asc' });
              }}
            >
              {labelOf(each.id)}
              <Icon name={order.value === 'asc' ? 'up' : 'down'} size={12} />
            </button>
          ) : (
            <span title={labelOf(each.id)}>{labelOf(each.id)}</span>
          )}
          <Resizer column={each} />
        </div>
      ))}
    </div>
  );
}

function NothingFound() {
  const q = query.value.trim();
  const bounded = range.value.from !== 'all';
  const clauses = requiredClauses(q);
  const last = clauses.at(-1);
  if (live.value !== 'off') return <Empty title="Waiting for events that match" />;
  return (
    <Empty
      title={
        q === '' ? 'No events in this range of time' : 'No events match this query in this range of time'
      }
    >
      <p>
        {q === ''
          ? 'Nothing was recorded then, or events have older timestamps.'
          : 'Words are matched whole: use * for beginnings (deplo*), ~ for parts of a value.'}
      </p>
      <div class="row center">
        {bounded && (
          <Button primary icon="clock" label="Search all time" onClick={() => setRange('all', '')} />
        )}
        {last && clauses.length > 1 && (
          <Button
            label={`Without ${q.slice(last.start, last.end)}`}
            onClick={() => setQuery(`${q.slice(0, last.start)}${q.slice(last.end)}`.trim())}
          />
        )}
        {q !== '' && <Button label="Clear the query" onClick={() => setQuery('')} />}
      </div>
    </Empty>
  );
}

export function open(eventId: string): void {
  change({ event: eventId }, selected.peek() === '' ? 'push' : 'replace');
}

function step(by: number): void {
  const at = rows.indexOf(selected.peek());
  const next = rows.list[at === -1 ? 0 : at + by];
  if (next) open(next.event.event_id);
}

export function Table() {
  const scroller = useRef<HTMLDivElement>(null);
  const list = columns.value;
  void rows.version.value;
  const more = rows.cursor.value !== null;
  const total = rows.list.length;
  const virtual = useVirtual({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  // Rows that leave at one end are filled anew at the other: writing into elements is a fraction of making them.
  const pool = useRef(1);
  pool.current = Math.max(pool.current, items.length);
  const grid = template(list);
  const end = items.at(-1)?.index ?? 0;
  const now = selected.value;

  useEffect(() => {
    if (more && end >= total - 120) void rows.loadMore();
  }, [end, total, more]);

  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [asked.value]);

  useEffect(() => {
    const at = rows.indexOf(now);
    if (at >= 0) virtual.scrollToIndex(at, { align: 'auto' });
  }, [now]);

  useKeys((event) => {
    if (event.key === 'j') step(1);
    else if (event.key === 'k') step(-1);
    else if (event.key === 'r') refresh();
    else return;
    event.preventDefault();
  });

  const problem = rows.first.problem.value;
  const busy = rows.first.busy.value;
  const never = rows.first.data.value === null;
  return (
    <div class={`table-place${busy ? ' busy-now' : ''}`}>
      {tail.held.value > 0 && (
        <button type="button" class="new-events" onClick={resumeTail}>
          {count(tail.held.value)} new
        </button>
      )}
      <div
        class="table"
        role="region"
        aria-label="Events"
        ref={scroller}
        tabIndex={0}
        onScroll={(event) => {
          // Who scrolls away from the top is reading: new events wait.
          if (live.peek() === 'on' && event.currentTarget.scrollTop > ROW * 3) live.value = 'paused';
        }}
      >
        <div
          class="table-grid"
          style={{ minWidth: `${leastWidth(list)}px` }}
          role="grid"
          aria-label="Events"
          aria-rowcount={more ? -1 : total + 1}
          aria-colcount={list.length}
        >
          <Head list={list} />
          <div class="table-body" role="rowgroup" style={{ height: `${virtual.getTotalSize()}px` }}>
            {items.map((item) => {
              const row = rows.list[item.index];
              if (!row) return null;
              const { event } = row;
              const isOpen = event.event_id === now;
              return (
                <div
                  key={item.index % pool.current}
                  class={`table-row ${event.status}${isOpen ? ' open' : ''}`}
                  role="row"
                  aria-rowindex={item.index + 2}
                  aria-selected={isOpen}
                  tabIndex={-1}
                  style={{ gridTemplateColumns: grid, transform: `translateY(${item.start}px)` }}
                  onClick={() => {
                    if (getSelection()?.isCollapsed !== false) open(event.event_id);
                  }}
                >
                  {list.map((each, i) => (
                    <div key={each.id} class="table-cell" role="gridcell">
                      {i === 0 ? (
                        <button
                          type="button"
                          class="row-open"
                          aria-label={`Open ${event.event_type}, ${event.timestamp}`}
                          onClick={() => open(event.event_id)}
                        >
                          {cell(event, each.id)}
                        </button>
                      ) : (
                        cell(event, each.id)
                      )}
                    </div>
                  ))}
                </div>
              );
            })}
          </div>
        </div>
        {never && problem?.body.position !== undefined && (
          <Empty title="The query cannot be read yet">
            <p>The place is underlined. Events appear as soon as it can be.</p>
          </Empty>
        )}
        {never && busy && <Busy label="Searching" />}
        {problem && problem.body.position === undefined && <Failed problem={problem} onRetry={refresh} />}
        {!problem && !never && total === 0 && <NothingFound />}
        {rows.more.problem.value && (
          <Failed problem={rows.more.problem.value} onRetry={() => rows.retryMore()} />
        )}
        {more && total > 0 && rows.more.busy.value && <Busy label="Reading on" />}
        {rows.dropped.value && (
          <p class="table-end quiet">Older events left the list while it was live. Stop live to see them.</p>
        )}
        {!more && total > 0 && !rows.dropped.value && (
          <p class="table-end quiet">{count(total)} events, all of this question.</p>
        )}
      </div>
    </div>
  );
}

export function Count() {
  const matched = facets.data.value?.matched;
  void rows.version.value;
  return (
    <p class="matched" role="status">
      {matched === undefined ? ' ' : <b>{count(matched)}</b>}
      {matched === undefined ? '' : matched === 1 ? ' event' : ' events'}
    </p>
  );
}
