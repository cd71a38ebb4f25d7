/** Compliance reports: ask for one, see how it goes, take it away. */
import { useEffect, useState } from 'preact/hooks';
import { ask, may, send, url } from '../api/client';
import type { Report } from '../api/types';
import { count, PRESETS, stamp } from '../time/time';
import { Icon } from '../ui/icon';
import { Ago, Button, CopyButton, Dialog, Empty, Foreign } from '../ui/parts';
import { Panel, useAsk } from './frame';

const LISTS = [
  ['category', 'Category', 'auth, security'],
  ['event_type', 'Event type', 'auth.login'],
  ['status', 'Status', 'failure'],
  ['actor_type', 'Actor type', 'user'],
  ['actor_email', 'Actor e-mail', 'ada@example.com'],
  ['resource_type', 'Resource type', 'agent'],
] as const;

function Create({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [from, setFrom] = useState('now-30d');
  const [axis, setAxis] = useState('event');
  const [lists, setLists] = useState<Record<string, string>>({});
  const [fault, setFault] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    const filter = Object.fromEntries(
      Object.entries(lists)
        .map(
          ([name, text]) =>
            [
              name,
              text
                .split(',')
                .map((each) => each.trim())
                .filter((each) => each !== ''),
            ] as const,
        )
        .filter(([, values]) => values.length > 0),
    );
    try {
      await send('POST', 'v1/reports', { ...(from === 'all' ? {} : { from }), axis, ...filter });
      onMade();
      onClose();
    } catch (problem) {
      setFault((problem as Error).message);
    }
  };
  return (
    <Dialog title="New compliance report" onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p class="quiet">
          A list of events with the proof that none was changed and none left out. At most 100,000 entries.
        </p>
        <label>
          Range of time
          <select value={from} onChange={(event) => setFrom(event.currentTarget.value)}>
            {PRESETS.map((each) => (
              <option key={each.value} value={each.value}>
                {each.label}
              </option>
            ))}
            <option value="now-90d">Last 90 days</option>
            <option value="now-365d">Last 365 days</option>
            <option value="all">All time</option>
          </select>
        </label>
        <label>
          Range is on
          <select value={axis} onChange={(event) => setAxis(event.currentTarget.value)}>
            <option value="event">when it happened (timestamp)</option>
            <option value="commit">when it was stored (committed_at)</option>
          </select>
        </label>
        {LISTS.map(([name, label, example]) => (
          <label key={name}>
            {label}
            <input
              placeholder={`all, or for example ${example}`}
              value={lists[name] ?? ''}
              onInput={(event) => setLists({ ...lists, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
        <p class="quiet small">
          Several values with commas; whole and exact. What is asked becomes an event of the log.
        </p>
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <Button label="Cancel" onClick={onClose} />
          <button type="submit" class="button primary">
            Create
          </button>
        </div>
      </form>
    </Dialog>
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

export function Reports() {
  const [creating, setCreating] = useState(false);
  const asked = useAsk('reports', (aborted) =>
    ask<{ reports: Report[] }>('v1/reports', { limit: 50 }, aborted),
  );
  const reports = asked.question.data.value?.reports ?? [];
  const waiting = reports.some((each) => each.status === 'pending' || each.status === 'running');
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setInterval(asked.again, 1000);
    return () => clearInterval(timer);
  }, [waiting]);
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
            <div class="scroll-x" tabIndex={0} role="region" aria-label="Reports">
              <table class="data">
                <thead>
                  <tr>
                    <th scope="col">Asked for</th>
                    <th scope="col">By</th>
                    <th scope="col">What</th>
                    <th scope="col" class="number">
                      Entries
                    </th>
                    <th scope="col">State</th>
                    <th scope="col">Verification hash</th>
                    <th scope="col">Download</th>
                  </tr>
                </thead>
                <tbody>
                  {reports.map((each) => (
                    <tr key={each.id}>
                      <td>
                        <Ago value={each.created_at} />
                      </td>
                      <td>
                        <Foreign
                          text={
                            each.requested_by.email ??
                            each.requested_by.name ??
                            each.requested_by.id ??
                            each.requested_by.type
                          }
                        />
                      </td>
                      <td class="wide">
                        <Foreign text={described(each.filter)} />
                      </td>
                      <td class="number">{each.entries === null ? '–' : count(each.entries)}</td>
                      <td>
                        {each.status}
                        {each.error !== null && <span class="bad"> {each.error}</span>}
                      </td>
                      <td class="mono">
                        {each.verification_hash === null ? (
                          '–'
                        ) : (
                          <>
                            <span title={each.verification_hash}>{each.verification_hash.slice(0, 19)}…</span>
                            <CopyButton text={each.verification_hash} what="Verification hash" />
                          </>
                        )}
                      </td>
                      <td>
                        {each.status === 'done' &&
                          (['json', 'csv', 'html'] as const).map((format) => (
                            <a
                              key={format}
                              class="download"
                              href={url(`v1/reports/${each.id}/download`, { format })}
                              download={`${each.id}.${format}`}
                            >
                              <Icon name="download" size={14} />
                              {format.toUpperCase()}
                            </a>
                          ))}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </Panel>
      {creating && <Create onClose={() => setCreating(false)} onMade={asked.again} />}
    </>
  );
}
