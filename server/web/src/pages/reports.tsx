/** Compliance reports: ask for one, see how it goes, take it away. */
import { useState } from 'preact/hooks';
import { ask, may, send, url } from '../api/client';
import type { Report } from '../api/types';
import { count, PRESETS, stamp } from '../time/time';
import { FormDialog } from '../ui/dialog';
import { SelectField, TextField, type Options } from '../ui/fields';
import { Icon } from '../ui/icon';
import { Ago, Button, CopyButton, Empty, Foreign, Who } from '../ui/parts';
import { usePoll } from '../ui/poll';
import { DataTable, type Column } from '../ui/table';
import { Panel, useAsk } from './frame';

const LISTS = [
  ['category', 'Category', 'auth, security'],
  ['event_type', 'Event type', 'auth.login'],
  ['status', 'Status', 'failure'],
  ['actor_type', 'Actor type', 'user'],
  ['actor_email', 'Actor e-mail', 'ada@example.com'],
  ['resource_type', 'Resource type', 'agent'],
] as const;

const RANGES: Options<string> = [
  ...PRESETS.map((each) => [each.value, each.label] as const),
  ['now-90d', 'Last 90 days'],
  ['now-365d', 'Last 365 days'],
  ['all', 'All time'],
];

const AXES = [
  ['event', 'when it happened (timestamp)'],
  ['commit', 'when it was stored (committed_at)'],
] as const;

/** Lists as they are typed, with commas; those without a value are left out. */
function filterOf(lists: Record<string, string>): Record<string, string[]> {
  const split = (text: string) =>
    text
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
  return Object.fromEntries(
    Object.entries(lists)
      .map(([name, text]) => [name, split(text)] as const)
      .filter(([, values]) => values.length > 0),
  );
}

function Create({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [from, setFrom] = useState('now-30d');
  const [axis, setAxis] = useState<(typeof AXES)[number][0]>('event');
  const [lists, setLists] = useState<Record<string, string>>({});
  const submit = async () => {
    await send('POST', 'v1/reports', { ...(from === 'all' ? {} : { from }), axis, ...filterOf(lists) });
    onMade();
    onClose();
  };
  return (
    <FormDialog title="New compliance report" submit="Create" onSubmit={submit} onClose={onClose}>
      <p class="quiet">
        A list of events with the proof that none was changed and none left out. At most 100,000 entries.
      </p>
      <SelectField label="Range of time" value={from} options={RANGES} onChange={setFrom} />
      <SelectField label="Range is on" value={axis} options={AXES} onChange={setAxis} />
      {LISTS.map(([name, label, example]) => (
        <TextField
          key={name}
          label={label}
          placeholder={`all, or for example ${example}`}
          value={lists[name] ?? ''}
          onChange={(text) => setLists({ ...lists, [name]: text })}
        />
      ))}
      <p class="quiet small">
        Several values with commas; whole and exact. What is asked becomes an event of the log.
      </p>
    </FormDialog>
  );
}

function described(filter: Record<string, unknown>): string {
  const time = (us: unknown) => stamp(new Date(Number(us) / 1000).toISOString(), 's');
  const range = `${Number(filter['from_us']) === 0 ? 'the beginning' : time(filter['from_us'])} – ${time(filter['to_us'])}`;
  const rest = Object.entries(filter)
    .filter(([name]) => !['axis', 'from_us', 'to_us'].includes(name))
    .map(
      ([name, value]) =>
        `${name}: ${Array.isArray(value) ? value.map((each) => (Array.isArray(each) ? each.join('/') : String(each))).join(', ') : String(value)}`,
    );
  return [range, ...rest].join(' · ');
}

const FORMATS = ['json', 'csv', 'html'] as const;

function Hash({ hash }: { hash: string | null }) {
  if (hash === null) return <>–</>;
  return (
    <>
      <span title={hash}>{hash.slice(0, 19)}…</span>
      <CopyButton text={hash} what="Verification hash" />
    </>
  );
}

const COLUMNS: Column<Report>[] = [
  { name: 'Asked for', cell: (each) => <Ago value={each.created_at} /> },
  { name: 'By', cell: (each) => <Who actor={each.requested_by} /> },
  { name: 'What', kind: 'wide', cell: (each) => <Foreign text={described(each.filter)} /> },
  { name: 'Entries', kind: 'number', cell: (each) => (each.entries === null ? '–' : count(each.entries)) },
  {
    name: 'State',
    cell: (each) => (
      <>
        {each.status}
        {each.error !== null && <span class="bad"> {each.error}</span>}
      </>
    ),
  },
  { name: 'Verification hash', kind: 'mono', cell: (each) => <Hash hash={each.verification_hash} /> },
  {
    name: 'Download',
    cell: (each) =>
      each.status === 'done' &&
      FORMATS.map((format) => (
        <a
          key={format}
          class="download"
          href={url(`v1/reports/${each.id}/download`, { format })}
          download={`${each.id}.${format}`}
        >
          <Icon name="download" size={14} />
          {format.toUpperCase()}
        </a>
      )),
  },
];

export function Reports() {
  const [creating, setCreating] = useState(false);
  const asked = useAsk('reports', (aborted) =>
    ask<{ reports: Report[] }>('v1/reports', { limit: 50 }, aborted),
  );
  const reports = asked.question.data.value?.reports ?? [];
  const waiting = reports.some((each) => each.status === 'pending' || each.status === 'running');
  usePoll(waiting, asked.question, asked.again);
  return (
    <>
      <Panel
        title="Compliance reports"
        asked={asked}
        tools={
          (may('export') || may('auditor')) && (
            <Button icon="plus" label="New report" onClick={() => setCreating(true)} />
          )
        }
      >
        {() =>
          reports.length === 0 ? (
            <Empty title="No reports yet">
              <p>
                A report is a list of events with the proof that none was changed and none left out, to hand
                to an auditor.
              </p>
            </Empty>
          ) : (
            <DataTable label="Reports" columns={COLUMNS} rows={reports} keyOf={(each) => each.id} />
          )
        }
      </Panel>
      {creating && <Create onClose={() => setCreating(false)} onMade={asked.again} />}
    </>
  );
}
