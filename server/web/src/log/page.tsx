/** The activity log. */
import { signal } from '@preact/signals';
import { useLayoutEffect } from 'preact/hooks';
import { url } from '../api/client';
import { Drawer } from '../event/drawer';
import { ExportDialog } from '../exports/dialog';
import { showFacets, showHistogram, toggleFacets } from '../state/prefs';
import { change } from '../state/route';
import { rangeParams } from '../time/time';
import { useKeys } from '../ui/keys';
import { Button, copy, Menu, MenuItem } from '../ui/parts';
import { ViewBar } from '../views/bar';
import { watchViews } from '../views/store';
import { ColumnMenu } from './columns';
import { FacetPanel } from './facets';
import { GapNote } from './gaps';
import { HistogramPanel } from './histogram';
import { QueryBox, QueryNotes } from './query-box';
import {
  filters,
  live,
  own,
  range,
  refresh,
  resumeTail,
  selected,
  startLive,
  tail,
  watch,
  written,
} from './state';
import { Count, Table } from './table';
import { TimePicker } from './time-picker';

function shellQuoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

/** The question as it is, for a terminal; the key stays in the terminal's environment. */
export function asCurl(): string {
  const target = new URL(url('v1/events'), location.href).href;
  written();
  const parts = Object.entries(filters.peek()).map(
    ([name, value]) => `--data-urlencode ${shellQuoted(`${name}=${String(value)}`)}`,
  );
  return ['curl -sS -G -H "Authorization: Bearer $STELE_API_KEY"', shellQuoted(target), ...parts].join(
    ' \\\n  ',
  );
}

export function asCommand(): string {
  const { from, to } = rangeParams(range.peek());
  const ends = `${from ? ` --from ${shellQuoted(from)}` : ''}${to ? ` --to ${shellQuoted(to)}` : ''}`;
  const server = new URL(url(''), location.href).href.replace(/\/$/, '');
  // Behind `--` a query may begin with a dash.
  const text = written().trim();
  return `STELE_URL=${shellQuoted(server)} stele search${ends}${own.peek() ? ' --own' : ''}${text === '' ? '' : ` -- ${shellQuoted(text)}`}`;
}

const exporting = signal(false);

function LiveControl() {
  const state = live.value;
  const at = tail.state.value;
  if (state === 'off')
    return <Button icon="play" label="Live" title="Follow the log (t)" onClick={startLive} />;
  const label =
    state === 'paused' ? 'Paused' : at === 'open' ? 'Live' : at === 'closed' ? 'Stopped' : 'Connecting';
  return (
    <div class={`live ${state} ${at}`}>
      <button
        type="button"
        class="button"
        aria-pressed={state === 'on'}
        title={state === 'on' ? 'Pause (t)' : 'Go on (t)'}
        onClick={() => (state === 'on' ? (live.value = 'paused') : resumeTail())}
      >
        <i class="live-dot" aria-hidden="true" />
        {label}
      </button>
      <Button bare icon="close" label="Stop live" onClick={() => (live.value = 'off')} />
    </div>
  );
}

function More() {
  return (
    <Menu icon="settings" label="View" bare align="end">
      {(close) => (
        <div class="menu-list">
          <MenuItem
            icon="chart"
            label="Histogram"
            on={showHistogram.value}
            onClick={() => (showHistogram.value = !showHistogram.value)}
          />
          <MenuItem icon="filter" label="Filters" on={showFacets.value} onClick={toggleFacets} />
          <MenuItem
            icon="integrity"
            label="The log's own events"
            on={own.value}
            onClick={() => change({ own: own.peek() ? '' : 'true' })}
          />
          <hr />
          <MenuItem
            icon="link"
            label="Copy link to this search"
            onClick={() => {
              void copy(location.href, 'Link');
              close();
            }}
          />
          <MenuItem
            icon="copy"
            label="Copy as curl"
            onClick={() => {
              void copy(asCurl(), 'curl command');
              close();
            }}
          />
          <MenuItem
            icon="copy"
            label="Copy as stele command"
            onClick={() => {
              void copy(asCommand(), 'stele command');
              close();
            }}
          />
        </div>
      )}
    </Menu>
  );
}

export function LogPage() {
  // Before the frame that shows it: what is typed at once after must not be taken back by the address.
  useLayoutEffect(() => watch(), []);
  useLayoutEffect(() => watchViews(), []);
  useKeys((event) => {
    if (event.key === 't') {
      if (live.peek() === 'off') startLive();
      else if (live.peek() === 'on') live.value = 'paused';
      else resumeTail();
    } else if (event.key === 'x') exporting.value = true;
    else if (event.key === 'f') toggleFacets();
    else return;
    event.preventDefault();
  });
  return (
    <div class={`log${selected.value === '' ? '' : ' with-drawer'}`}>
      <h1 class="offscreen">Activity log</h1>
      <header class="toolbar">
        <QueryBox />
        <div class="toolbar-tools">
          <TimePicker />
          <LiveControl />
          <Button bare icon="refresh" label="Refresh (r)" onClick={refresh} />
        </div>
      </header>
      <QueryNotes />
      <GapNote />
      {tail.problem.value && (
        <p class="query-note bad" role="alert">
          Live: {tail.problem.value.message}
        </p>
      )}
      <div class="log-body">
        <FacetPanel />
        <div class="log-main">
          <div class="log-bar">
            <Button
              bare
              icon="filter"
              label={showFacets.value ? 'Hide filters (f)' : 'Show filters (f)'}
              pressed={showFacets.value}
              onClick={toggleFacets}
            />
            <ViewBar />
            <Count />
            <span class="grow" />
            <Button bare icon="download" label="Export (x)" onClick={() => (exporting.value = true)} />
            <ColumnMenu />
            <More />
          </div>
          {showHistogram.value && <HistogramPanel />}
          <Table />
        </div>
        {exporting.value && <ExportDialog onClose={() => (exporting.value = false)} />}
        {selected.value !== '' && <Drawer key={selected.value} id={selected.value} />}
      </div>
    </div>
  );
}
