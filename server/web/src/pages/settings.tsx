/** Keys, event types, and whether reads are recorded. */
import { useState } from 'preact/hooks';
import { ask, may, send } from '../api/client';
import type { ApiKey, EventType } from '../api/types';
import { count } from '../time/time';
import { Ago, Button, copy, Dialog, Empty, Foreign, say, Time } from '../ui/parts';
import { PageFrame, Panel, useAsk } from './frame';

const SCOPES: [string, string][] = [
  ['ingest', 'send events'],
  ['read', 'search and read'],
  ['export', 'read, and make reports'],
  ['auditor', 'read, verify, and make reports'],
  ['admin', 'everything of this organization'],
];

function NewKey({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>(['read']);
  const [days, setDays] = useState('90');
  const [fault, setFault] = useState('');
  const [secret, setSecret] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    const expires = days === '' ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
    try {
      const made = await send<ApiKey & { secret: string }>('POST', 'v1/keys', {
        name: name.trim(),
        scopes,
        ...(expires === null ? {} : { expires_at: expires }),
      });
      setSecret(made.secret);
      onMade();
    } catch (problem) {
      setFault((problem as Error).message);
    }
  };
  if (secret !== '') {
    return (
      <Dialog title="Key created" onClose={onClose}>
        <p>Copy it now. It is shown this once, and stored only as a hash.</p>
        <p class="secret mono wrap">{secret}</p>
        <div class="row end">
          <Button primary icon="copy" label="Copy key" onClick={() => void copy(secret, 'Key')} />
          <Button label="Done" onClick={onClose} />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New API key" onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <label>
          Name
          <input
            required
            value={name}
            placeholder="what will use it"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <fieldset>
          <legend>Scopes</legend>
          {SCOPES.map(([scope, what]) => (
            <label key={scope} class="check">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={() =>
                  setScopes(
                    scopes.includes(scope) ? scopes.filter((each) => each !== scope) : [...scopes, scope],
                  )
                }
              />
              <b>{scope}</b> <span class="quiet">{what}</span>
            </label>
          ))}
        </fieldset>
        <label>
          Expires
          <select value={days} onChange={(event) => setDays(event.currentTarget.value)}>
            <option value="30">in 30 days</option>
            <option value="90">in 90 days</option>
            <option value="365">in a year</option>
            <option value="">never</option>
          </select>
        </label>
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <Button label="Cancel" onClick={onClose} />
          <button type="submit" class="button primary" disabled={scopes.length === 0}>
            Create key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Keys() {
  const asked = useAsk('keys', (aborted) => ask<{ keys: ApiKey[] }>('v1/keys', {}, aborted));
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const revoke = async (key: ApiKey) => {
    try {
      await send('DELETE', `v1/keys/${encodeURIComponent(key.id)}`);
      say(`${key.name} revoked`);
    } catch (problem) {
      say((problem as Error).message);
    }
    setRevoking(null);
    asked.again();
  };
  const ended = (key: ApiKey) =>
    key.revoked_at !== null || (key.expires_at !== null && Date.parse(key.expires_at) < Date.now());
  return (
    <>
      <Panel
        title="API keys"
        asked={asked}
        tools={<Button icon="plus" label="New key" onClick={() => setCreating(true)} />}
      >
        {({ keys }) => (
          <div class="scroll-x" tabIndex={0} role="region" aria-label="API keys">
            <table class="data">
              <thead>
                <tr>
                  {['Name', 'ID', 'Scopes', 'Created', 'Last used', 'Expires', 'State', ''].map((each) => (
                    <th key={each} scope="col">
                      {each === '' ? <span class="offscreen">Actions</span> : each}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {keys.map((key) => (
                  <tr key={key.id} class={ended(key) ? 'ended' : ''}>
                    <th scope="row">
                      <Foreign text={key.name} />
                    </th>
                    <td class="mono">{key.id}</td>
                    <td>{key.scopes.join(', ')}</td>
                    <td>
                      <Ago value={key.created_at} />
                    </td>
                    <td>{key.last_used_at === null ? 'never' : <Ago value={key.last_used_at} />}</td>
                    <td>{key.expires_at === null ? 'never' : <Time value={key.expires_at} />}</td>
                    <td>{key.revoked_at !== null ? 'revoked' : ended(key) ? 'expired' : 'active'}</td>
                    <td>
                      {key.revoked_at === null && (
                        <Button danger label="Revoke" onClick={() => setRevoking(key)} />
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {creating && <NewKey onClose={() => setCreating(false)} onMade={asked.again} />}
      {revoking && (
        <Dialog title="Revoke key" onClose={() => setRevoking(null)}>
          <p>
            <b>
              <Foreign text={revoking.name} />
            </b>{' '}
            stops working at once, and cannot be brought back.
          </p>
          <div class="row end">
            <Button label="Cancel" onClick={() => setRevoking(null)} />
            <Button danger label="Revoke" onClick={() => void revoke(revoking)} />
          </div>
        </Dialog>
      )}
    </>
  );
}

const EMPTY_SCHEMA = '{\n  "type": "object",\n  "properties": {}\n}';

function EditType({
  type,
  onClose,
  onMade,
}: {
  type: EventType | null;
  onClose: () => void;
  onMade: () => void;
}) {
  const [name, setName] = useState(type?.event_type ?? '');
  const [category, setCategory] = useState(type?.category ?? 'system');
  const [schema, setSchema] = useState(type ? JSON.stringify(type.schema, null, 2) : EMPTY_SCHEMA);
  const [mismatch, setMismatch] = useState<string>(type?.on_mismatch ?? 'mark');
  const [fault, setFault] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const body = {
        event_type: name.trim(),
        category: category.trim(),
        schema: JSON.parse(schema) as unknown,
        on_mismatch: mismatch,
      };
      if (type) await send('PUT', `v1/event-types/${encodeURIComponent(type.event_type)}`, body);
      else await send('POST', 'v1/event-types', body);
      say(`${name.trim()} saved`);
      onMade();
      onClose();
    } catch (problem) {
      setFault((problem as Error).message);
    }
  };
  return (
    <Dialog title={type ? `Event type ${type.event_type}` : 'New event type'} onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <label>
          Event type
          <input
            required
            value={name}
            placeholder="invoice.paid"
            readOnly={type !== null}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label>
          Category
          <input
            required
            value={category}
            readOnly={type?.built_in === true}
            onInput={(event) => setCategory(event.currentTarget.value)}
          />
        </label>
        <label>
          JSON Schema of metadata
          <textarea
            class="mono"
            rows={10}
            spellcheck={false}
            value={schema}
            onInput={(event) => setSchema(event.currentTarget.value)}
          />
        </label>
        <label>
          Events that do not fit it
          <select value={mismatch} onChange={(event) => setMismatch(event.currentTarget.value)}>
            <option value="mark">are stored and marked</option>
            <option value="refuse">are refused</option>
          </select>
        </label>
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <Button label="Cancel" onClick={onClose} />
          <button type="submit" class="button primary">
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function EventTypes() {
  const asked = useAsk('types', (aborted) =>
    ask<{ event_types: EventType[] }>('v1/event-types', {}, aborted),
  );
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<EventType | 'new' | null>(null);
  const wanted = text.trim().toLowerCase();
  return (
    <>
      <Panel
        title="Event types"
        asked={asked}
        tools={
          <>
            <input
              type="search"
              aria-label="Search event types"
              placeholder="Search event types"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
            {may('admin') && <Button icon="plus" label="New type" onClick={() => setEditing('new')} />}
          </>
        }
      >
        {({ event_types: types }) => {
          const shown = types.filter((each) =>
            `${each.event_type} ${each.category}`.toLowerCase().includes(wanted),
          );
          if (shown.length === 0) return <Empty title="No event type contains this" />;
          return (
            <div class="scroll-x" tabIndex={0} role="region" aria-label="Event types">
              <table class="data">
                <thead>
                  <tr>
                    {['Event type', 'Category', 'Members of metadata', 'On mismatch', 'From', ''].map(
                      (each) => (
                        <th key={each} scope="col">
                          {each === '' ? <span class="offscreen">Actions</span> : each}
                        </th>
                      ),
                    )}
                  </tr>
                </thead>
                <tbody>
                  {shown.map((each) => (
                    <tr key={each.event_type}>
                      <th scope="row">{each.event_type}</th>
                      <td>{each.category}</td>
                      <td class="wide quiet">
                        {Object.keys((each.schema as { properties?: object } | null)?.properties ?? {}).join(
                          ', ',
                        )}
                      </td>
                      <td>{each.on_mismatch}</td>
                      <td>{each.built_in ? 'built in' : 'this organization'}</td>
                      <td>{may('admin') && <Button label="Edit" onClick={() => setEditing(each)} />}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <p class="quiet small">{count(shown.length)} types</p>
            </div>
          );
        }}
      </Panel>
      {editing !== null && (
        <EditType
          type={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onMade={asked.again}
        />
      )}
    </>
  );
}

function Reads() {
  const asked = useAsk('settings', (aborted) => ask<{ record_reads: boolean }>('v1/settings', {}, aborted));
  const [fault, setFault] = useState('');
  const set = async (on: boolean) => {
    setFault('');
    try {
      await send('PUT', 'v1/settings', { record_reads: on });
      say(on ? 'Reads are recorded' : 'Reads are no longer recorded');
    } catch (problem) {
      setFault((problem as Error).message);
    }
    asked.again();
  };
  return (
    <Panel title="Who looked" asked={asked}>
      {(settings) => (
        <>
          <label class="check">
            <input
              type="checkbox"
              role="switch"
              checked={settings.record_reads}
              disabled={!may('admin')}
              onChange={(event) => void set(event.currentTarget.checked)}
            />
            <span>Record reads</span>
          </label>
          <p class="quiet">
            Every search, opened event, tail, proof and download becomes an event of the log (stele.read)
            before it is answered. This page asks as you type, so it makes many of them.
          </p>
          <p class="fault" role="alert">
            {fault}
          </p>
        </>
      )}
    </Panel>
  );
}

export function SettingsPage() {
  return (
    <PageFrame title="Settings" lead="Every change here is an event of the log, with before and after.">
      {may('admin') ? <Keys /> : <p class="note">API keys are seen and changed with the scope admin.</p>}
      <EventTypes />
      <Reads />
    </PageFrame>
  );
}
