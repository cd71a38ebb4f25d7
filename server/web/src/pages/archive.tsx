/** What is where: searchable here, in the archive, or brought back from it for a while. */
import { useState } from 'preact/hooks';
import { ask, askText, may, send } from '../api/client';
import type { Archives, ArchivedSegment, LogEvent, Retention, Trouble } from '../api/types';
import { cutLines } from '../json/lines';
import { follow, href } from '../state/route';
import { ago, count, stamp } from '../time/time';
import { FormDialog } from '../ui/dialog';
import { TextField } from '../ui/fields';
import { Icon } from '../ui/icon';
import { Button, Empty, say, Time } from '../ui/parts';
import { DataTable, type Column } from '../ui/table';
import { PageFrame, Panel, useAsk } from './frame';
import { RestoreDialog, Restores, type Wanted } from './restores';
import { bytesText, placeOn, stretches, type Stretch } from './tiers';

/** One segment holds up to 131,072 events: this many are billions. */
const PAGES_MAX = 50;

const STATES: Record<Stretch['state'], [string, string]> = {
  local: ['Here', 'searchable, not in the archive yet'],
  shipped: ['Here and archived', 'searchable, and in the archive already'],
  restored: ['Restored', 'searchable until it expires'],
  archived: ['Archived', 'not searchable until it is restored'],
};

interface Where {
  stretches: Stretch[];
  archives: Archives;
  /** There were more pages than are read. */
  cut: boolean;
}

/** The one searchable event at an end of what is only here. */
async function end(from: number, order: 'asc' | 'desc', aborted: AbortSignal): Promise<string | null> {
  const q = `sequence>=${from}`;
  const text = await askText('v1/events', { q, order, limit: 1, own: true }, aborted);
  const line = cutLines(text, 'events').lines[0];
  return line === undefined ? null : (JSON.parse(line) as LogEvent).timestamp;
}

async function where(aborted: AbortSignal): Promise<Where> {
  const segments: ArchivedSegment[] = [];
  const { size } = await ask<{ size: number }>('v1/chain', {}, aborted);
  let archives = await ask<Archives>('v1/archives', { limit: 100 }, aborted);
  segments.push(...archives.archives);
  for (let page = 1; archives.next_cursor !== null && page < PAGES_MAX; page++) {
    archives = await ask<Archives>('v1/archives', { limit: 100, cursor: archives.next_cursor }, aborted);
    segments.push(...archives.archives);
  }
  const found = stretches(segments);
  const cut = archives.next_cursor !== null;
  const behind = (segments.at(-1)?.last_sequence ?? -1) + 1;
  const [from, to] = cut
    ? [null, null]
    : await Promise.all([end(behind, 'asc', aborted), end(behind, 'desc', aborted)]);
  if (from !== null && to !== null) {
    found.push({
      state: 'local',
      first_sequence: behind,
      last_sequence: size - 1,
      from,
      to,
      events: size - behind,
      bytes: 0,
      segments: 0,
      expires_at: null,
    });
  }
  return { stretches: found, archives, cut };
}

function Timeline({ list, onPick }: { list: readonly Stretch[]; onPick: (stretch: Stretch) => void }) {
  const starts = list.map((each) => Date.parse(each.from));
  const axis = { start: Math.min(...starts), end: Math.max(...list.map((each) => Date.parse(each.to))) };
  const marks = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    stamp(new Date(axis.start + part * (axis.end - axis.start)).toISOString(), 's').slice(0, 10),
  );
  const lanes = (Object.keys(STATES) as Stretch['state'][]).filter((state) =>
    list.some((each) => each.state === state),
  );
  return (
    <div class="tiers">
      {lanes.map((state) => (
        <div key={state} class="tier-lane">
          <span class={`tier-name ${state}`} title={STATES[state][1]}>
            <i aria-hidden="true" />
            {STATES[state][0]}
          </span>
          <div class="tier-track">
            {list
              .filter((each) => each.state === state)
              .map((each) => {
                const { left, width } = placeOn(axis, Date.parse(each.from), Date.parse(each.to));
                const label = `${STATES[state][0]}: ${stamp(each.from, 's')} to ${stamp(each.to, 's')}, ${count(each.events)} events`;
                const style = { left: `${left}%`, width: `${width}%` };
                return state === 'archived' && may('admin') ? (
                  <button
                    key={each.first_sequence}
                    type="button"
                    class={`tier-bar ${state}`}
                    style={style}
                    title={`${label}. Restore it.`}
                    aria-label={`Restore ${label}`}
                    onClick={() => onPick(each)}
                  />
                ) : (
                  <span
                    key={each.first_sequence}
                    class={`tier-bar ${state}`}
                    style={style}
                    title={label}
                    role="img"
                    aria-label={label}
                  />
                );
              })}
          </div>
        </div>
      ))}
      <div class="tier-axis quiet" aria-hidden="true">
        {marks.map((mark, i) => (
          <span key={i}>{mark}</span>
        ))}
      </div>
    </div>
  );
}

function Place({ stretch }: { stretch: Stretch }) {
  const [name, about] = STATES[stretch.state];
  return (
    <>
      <span class={`tier-name ${stretch.state}`} title={about}>
        <i aria-hidden="true" />
        {name}
      </span>
      {stretch.expires_at !== null && (
        <span class="quiet small" title={stamp(stretch.expires_at, 's')}>
          {' '}
          expires {ago(stretch.expires_at)}
        </span>
      )}
    </>
  );
}

function columns(onPick: (stretch: Stretch) => void): Column<Stretch>[] {
  return [
    { name: 'Where', head: true, cell: (each) => <Place stretch={each} /> },
    { name: 'From', cell: (each) => <Time value={each.from} /> },
    { name: 'To', cell: (each) => <Time value={each.to} /> },
    { name: 'Events', kind: 'number', cell: (each) => count(each.events) },
    {
      name: 'Sequences',
      kind: 'number',
      cell: (each) => `${count(each.first_sequence)} – ${count(each.last_sequence)}`,
    },
    {
      name: 'In the archive',
      kind: 'number',
      cell: (each) => (each.state === 'local' ? '–' : bytesText(each.bytes)),
    },
    {
      name: '',
      kind: 'actions',
      cell: (each) =>
        each.state === 'archived' ? (
          may('admin') && <Button icon="restore" label="Restore" onClick={() => onPick(each)} />
        ) : (
          <a href={href('log', { from: each.from, to: each.to })} onClick={follow}>
            Search
          </a>
        ),
    },
  ];
}

function locksText(locks: NonNullable<Archives['locks']>): string {
  const days = `${count(locks.lock_days)} days from when an event was stored`;
  const until = locks.locked_until === null ? '' : `, and until ${stamp(locks.locked_until, 's')}`;
  const progress = `${count(locks.done)} of ${count(locks.total)} segments`;
  return locks.lengthening ? `being lengthened to ${days}${until}: ${progress}` : `at least ${days}${until}`;
}

/** What keeps the archive from its work, each with what comes of it. */
function Troubles({ archives }: { archives: Archives }) {
  const said: [string, Trouble | null, string][] = [
    [
      'The store was not seen to keep what is put into it',
      archives.unproved,
      'Nothing is archived before it is.',
    ],
    ['Object locks are not lengthened', archives.locks?.error ?? null, 'It is tried again within a day.'],
    ['Archiving fails', archives.error, 'It is tried again.'],
  ];
  return (
    <>
      {said.map(
        ([what, trouble, then]) =>
          trouble !== null && (
            <p key={what} class="note" role="alert">
              <Icon name="errors" size={14} /> {what}
              {trouble.at !== null && (
                <>
                  {' '}
                  since <Time value={trouble.at} />
                </>
              )}{' '}
              at {trouble.step}: {trouble.detail}. {then}
            </p>
          ),
      )}
    </>
  );
}

function Policy({ policy, archives }: { policy: Retention; archives: Archives | null }) {
  return (
    <dl class="tiles">
      <div>
        <dt>Searchable</dt>
        <dd>{policy.active_days === null ? 'without end' : `${count(policy.active_days)} days`}</dd>
      </div>
      <div>
        <dt>Compressed after</dt>
        <dd>{count(policy.chill_after_days)} days</dd>
      </div>
      <div>
        <dt>Then</dt>
        <dd>{policy.active_days !== null && policy.archive ? 'archived' : 'kept here'}</dd>
      </div>
      <div>
        <dt>Kept at least</dt>
        <dd>{policy.plan === 'enterprise' ? '7 years' : '1 year'}</dd>
      </div>
      <div class={policy.legal_hold ? 'bad' : ''}>
        <dt>Legal hold</dt>
        <dd>{policy.legal_hold ? 'on' : 'off'}</dd>
      </div>
      {archives !== null && archives.store !== null && (
        <div class="whole">
          <dt>Archive store</dt>
          <dd class="mono wrap small">{archives.store}</dd>
        </div>
      )}
      {archives !== null && archives.locks !== null && (
        <div class="whole">
          <dt>Object locks</dt>
          <dd class="small">{locksText(archives.locks)}</dd>
        </div>
      )}
    </dl>
  );
}

function ArchiveNow({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [before, setBefore] = useState('now-30d');
  const submit = async () => {
    const answer = await send<{ segments: number; events: number }>('POST', 'v1/archives', {
      before: before.trim(),
    });
    say(
      answer.segments === 0
        ? 'No whole segment was stored before that time'
        : `${count(answer.events)} events in ${count(answer.segments)} segments go to the archive`,
    );
    onMade();
    onClose();
  };
  return (
    <FormDialog title="Archive earlier" submit="Archive" onSubmit={submit} onClose={onClose}>
      <p class="quiet">
        Whole segments that were stored before this time go to the archive now, earlier than the policy would
        send them. They are not searchable until they are restored. Nothing is deleted.
      </p>
      <TextField
        label="Stored before"
        required
        placeholder="now-30d, or 2026-11-01T00:00:00Z"
        value={before}
        onChange={setBefore}
      />
    </FormDialog>
  );
}

/** A restore that another page asks for stands in the address until it is asked for or put away. */
function wantedFrom(params: URLSearchParams): Wanted | null {
  const from = params.get('restore_from') ?? '';
  return from === '' ? null : { from, to: params.get('restore_to') ?? '' };
}

export function ArchivePage() {
  const asked = useAsk('where', where);
  const policy = useAsk('policy', (aborted) => ask<Retention>('v1/retention', {}, aborted));
  const [wanted, setWanted] = useState<Wanted | null>(() => wantedFrom(new URLSearchParams(location.search)));
  const [sending, setSending] = useState(false);
  const [made, setMade] = useState(0);
  const pick = (each: Stretch) => setWanted({ from: each.from, to: each.to });
  const archives = asked.question.data.value?.archives ?? null;
  return (
    <PageFrame
      title="Archive"
      lead="Events leave the searchable log for write-once storage, and come back on request. None is ever deleted."
      tools={
        <>
          <Button icon="refresh" label="Refresh" onClick={asked.again} />
          {may('admin') && <Button icon="archive" label="Archive earlier" onClick={() => setSending(true)} />}
          {may('admin') && (
            <Button primary icon="restore" label="Restore" onClick={() => setWanted({ from: '', to: '' })} />
          )}
        </>
      }
    >
      {archives && <Troubles archives={archives} />}
      <Panel
        title="Policy"
        asked={policy}
        tools={
          <a href={href('settings', {})} onClick={follow}>
            {may('admin') ? 'Change in settings' : 'Settings'}
          </a>
        }
      >
        {(answer) => <Policy policy={answer} archives={archives} />}
      </Panel>
      <Panel title="What is where" asked={asked}>
        {(answer) =>
          answer.stretches.length === 0 ? (
            <Empty title="The log has no events yet" />
          ) : (
            <>
              <Timeline list={answer.stretches} onPick={pick} />
              <DataTable
                label="Stretches of the log"
                columns={columns(pick)}
                rows={[...answer.stretches].reverse()}
                keyOf={(each) => each.first_sequence}
              />
              {answer.archives.archives.length === 0 && (
                <p class="quiet small">
                  Nothing is in the archive. A segment goes there when it is full, and older than the policy
                  keeps it searchable.
                </p>
              )}
              {answer.cut && <p class="quiet small">Later stretches are not shown.</p>}
            </>
          )
        }
      </Panel>
      <Restores key={made} onChange={asked.again} />
      {sending && <ArchiveNow onClose={() => setSending(false)} onMade={asked.again} />}
      {wanted && (
        <RestoreDialog
          wanted={wanted}
          stretches={asked.question.data.value?.stretches ?? []}
          onClose={() => setWanted(null)}
          onMade={() => setMade(made + 1)}
        />
      )}
    </PageFrame>
  );
}
