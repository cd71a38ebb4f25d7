/** Bringing archived events back: asked for with a reason, done within a day, for some days. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ask, may, send } from '../api/client';
import type { Restore } from '../api/types';
import { change } from '../state/route';
import { ago, count, stamp, toMillis } from '../time/time';
import { Dialog, FormDialog } from '../ui/dialog';
import { TextField } from '../ui/fields';
import { Ago, Empty, Foreign, say, Time, Who } from '../ui/parts';
import { usePoll } from '../ui/poll';
import { DataTable, type Column } from '../ui/table';
import { Panel, useAsk } from './frame';
import type { Stretch } from './tiers';

export interface Wanted {
  from: string;
  to: string;
}

/** How many archived events a range may bring back; null while it cannot be read. */
function touched(list: readonly Stretch[], from: string, to: string): number | null {
  const now = Date.now();
  const [start, end] = [toMillis(from, now), to === '' ? now : toMillis(to, now)];
  if (start === null || end === null) return null;
  return list
    .filter((each) => each.state === 'archived' && Date.parse(each.from) < end && Date.parse(each.to) > start)
    .reduce((sum, each) => sum + each.events, 0);
}

const TITLE = 'Restore from the archive';

export function RestoreDialog({
  wanted,
  stretches,
  onClose,
  onMade,
}: {
  wanted: Wanted;
  stretches: readonly Stretch[];
  onClose: () => void;
  onMade: () => void;
}) {
  const [from, setFrom] = useState(wanted.from);
  const [to, setTo] = useState(wanted.to);
  const [reason, setReason] = useState('');
  const [days, setDays] = useState('7');
  const events = touched(stretches, from.trim(), to.trim());
  const close = () => {
    change({ restore_from: '', restore_to: '' }, 'replace');
    onClose();
  };
  const submit = async () => {
    const made = await send<Restore>('POST', 'v1/restores', {
      from: from.trim(),
      ...(to.trim() === '' ? {} : { to: to.trim() }),
      reason: reason.trim(),
      days: Number(days),
    });
    say(
      made.total === 0
        ? 'Nothing of this range is in the archive'
        : `Restore asked for: ready by ${stamp(made.deadline, 's')} at the latest`,
    );
    onMade();
    close();
  };
  if (!may('admin'))
    return (
      <Dialog title={TITLE} onClose={close}>
        <p>
          Restoring needs the scope admin. Ask an administrator for {stamp(from, 's')} to {stamp(to, 's')}.
        </p>
      </Dialog>
    );
  return (
    <FormDialog title={TITLE} submit="Restore" onSubmit={submit} onClose={close}>
      <p class="quiet">
        Brings back the segments that may hold events of this range. Each is checked against the signed log
        before one event is shown. The request is an event of the log.
      </p>
      <TextField
        label="From"
        required
        placeholder="2026-01-01T00:00:00Z, or now-90d"
        value={from}
        onChange={setFrom}
      />
      <TextField label="To, not included" placeholder="now" value={to} onChange={setTo} />
      <TextField
        label="Reason"
        required
        maxLength={1024}
        placeholder="who needs it, for what"
        value={reason}
        onChange={setReason}
      />
      <label>
        Searchable for
        <span class="inline">
          <input
            class="days"
            type="number"
            required
            min={1}
            max={365}
            value={days}
            onInput={(event) => setDays(event.currentTarget.value)}
          />
          days after it is done
        </span>
      </label>
      {events !== null && (
        <p role="status" class={events === 0 ? 'quiet' : ''}>
          {events === 0
            ? 'Nothing archived lies in this range.'
            : `About ${count(events)} archived events. Ready within 24 hours.`}
        </p>
      )}
    </FormDialog>
  );
}

function Progress({ restore }: { restore: Restore }) {
  const open = restore.status === 'pending' || restore.status === 'running';
  if (!open) {
    return (
      <>
        <b class={restore.status === 'failed' ? 'bad' : ''}>{restore.status}</b>
        {restore.refused > 0 && <span class="bad"> {count(restore.refused)} segments refused</span>}
        {restore.expires_at !== null && restore.status === 'done' && (
          <span class="quiet" title={stamp(restore.expires_at, 's')}>
            {Date.parse(restore.expires_at) > Date.now() ? ' expires ' : ' expired '}
            {ago(restore.expires_at)}
          </span>
        )}
      </>
    );
  }
  return (
    <span class="restore-progress">
      <progress
        max={Math.max(1, restore.total)}
        value={restore.done}
        aria-label={`Restore: ${restore.done} of ${restore.total} segments`}
      />
      <span>
        {count(restore.done)} of {count(restore.total)}
      </span>
      <span class={restore.overdue ? 'bad' : 'quiet'} title={stamp(restore.deadline, 's')}>
        {restore.overdue ? 'overdue since ' : 'due '}
        {ago(restore.deadline)}
      </span>
    </span>
  );
}

function Reason({ restore }: { restore: Restore }) {
  const refused = restore.segments.filter((each) => each.detail !== null && each.state === 'refused');
  return (
    <>
      <Foreign text={restore.reason} />
      {refused.map((each) => (
        <span key={each.first_sequence} class="bad block">
          {each.first_sequence} – {each.last_sequence}: {each.detail}
        </span>
      ))}
    </>
  );
}

const COLUMNS: Column<Restore>[] = [
  { name: 'Asked for', cell: (each) => <Ago value={each.created_at} /> },
  { name: 'By', cell: (each) => <Who actor={each.requested_by} /> },
  {
    name: 'Range',
    cell: (each) => (
      <>
        <Time value={each.from} /> – <Time value={each.to} />
      </>
    ),
  },
  { name: 'Reason', kind: 'wide', cell: (each) => <Reason restore={each} /> },
  { name: 'Days', cell: (each) => each.days },
  { name: 'State', cell: (each) => <Progress restore={each} /> },
];

export function Restores({ onChange }: { onChange: () => void }) {
  const asked = useAsk('restores', (aborted) =>
    ask<{ restores: Restore[] }>('v1/restores', { limit: 50 }, aborted),
  );
  const list = asked.question.data.value?.restores ?? [];
  const open = list.filter((each) => each.status === 'pending' || each.status === 'running').length;
  usePoll(open > 0, asked.question, asked.again);
  // What is where has changed when one of them ended.
  const before = useRef(0);
  useEffect(() => {
    if (open < before.current) onChange();
    before.current = open;
  }, [open]);
  return (
    <Panel title="Restores" asked={asked}>
      {() =>
        list.length === 0 ? (
          <Empty title="No restores yet">
            <p>Archived events are asked for by range of time and reason, and are searchable within a day.</p>
          </Empty>
        ) : (
          <DataTable label="Restores" columns={COLUMNS} rows={list} keyOf={(each) => each.id} />
        )
      }
    </Panel>
  );
}
