/** API keys, and the tokens of users, which are keys too. */
import { useState } from 'preact/hooks';
import { ask, send } from '../api/client';
import type { ApiKey } from '../api/types';
import { Ago, Button, Dialog, Foreign, say, Time } from '../ui/parts';
import { Panel, useAsk } from './frame';
import { Secret } from './secret';

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
  if (secret !== '') return <Secret title="Key created" secret={secret} what="Key" onClose={onClose} />;
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

export function Keys() {
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
                      {key.user !== null && key.user !== undefined && <span class="tag">user token</span>}
                    </th>
                    <td class="mono">{key.id}</td>
                    <td>{key.scopes.join(', ')}</td>
                    <td>
                      <Ago value={key.created_at} />
                    </td>
                    <td>{key.last_used_at === null ? 'never' : <Ago value={key.last_used_at} />}</td>
                    <td>{key.expires_at === null ? 'never' : <Time value={key.expires_at} />}</td>
                    <td>{key.revoked_at !== null ? 'revoked' : ended(key) ? 'expired' : 'active'}</td>
                    <td class="actions">
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
