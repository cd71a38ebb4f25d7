/** API keys, and the tokens of users, which are keys too. */
import { useState } from 'preact/hooks';
import { ask, send } from '../api/client';
import type { ApiKey } from '../api/types';
import { Confirm, FormDialog } from '../ui/dialog';
import { expiry, LifeField, TextField, type Life } from '../ui/fields';
import { Ago, attempt, Button, Foreign, Time } from '../ui/parts';
import { DataTable, type Column } from '../ui/table';
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
  const [life, setLife] = useState<Life>('90');
  const [secret, setSecret] = useState('');
  const submit = async () => {
    const body = { name: name.trim(), scopes, ...expiry(life) };
    setSecret((await send<ApiKey & { secret: string }>('POST', 'v1/keys', body)).secret);
    onMade();
  };
  const turn = (scope: string) =>
    setScopes(scopes.includes(scope) ? scopes.filter((each) => each !== scope) : [...scopes, scope]);
  if (secret !== '') return <Secret title="Key created" secret={secret} what="Key" onClose={onClose} />;
  return (
    <FormDialog
      title="New API key"
      submit="Create key"
      disabled={scopes.length === 0}
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField label="Name" required placeholder="what will use it" value={name} onChange={setName} />
      <fieldset>
        <legend>Scopes</legend>
        {SCOPES.map(([scope, what]) => (
          <label key={scope} class="check">
            <input type="checkbox" checked={scopes.includes(scope)} onChange={() => turn(scope)} />
            <b>{scope}</b> <span class="quiet">{what}</span>
          </label>
        ))}
      </fieldset>
      <LifeField value={life} onChange={setLife} />
    </FormDialog>
  );
}

function stateOf(key: ApiKey): 'revoked' | 'expired' | 'active' {
  if (key.revoked_at !== null) return 'revoked';
  return key.expires_at !== null && Date.parse(key.expires_at) < Date.now() ? 'expired' : 'active';
}

function columns(onRevoke: (key: ApiKey) => void): Column<ApiKey>[] {
  return [
    {
      name: 'Name',
      head: true,
      cell: (key) => (
        <>
          <Foreign text={key.name} />
          {key.user !== null && key.user !== undefined && <span class="tag">user token</span>}
        </>
      ),
    },
    { name: 'ID', kind: 'mono', cell: (key) => key.id },
    { name: 'Scopes', cell: (key) => key.scopes.join(', ') },
    { name: 'Created', cell: (key) => <Ago value={key.created_at} /> },
    {
      name: 'Last used',
      cell: (key) => (key.last_used_at === null ? 'never' : <Ago value={key.last_used_at} />),
    },
    { name: 'Expires', cell: (key) => (key.expires_at === null ? 'never' : <Time value={key.expires_at} />) },
    { name: 'State', cell: stateOf },
    {
      name: '',
      kind: 'actions',
      cell: (key) =>
        key.revoked_at === null && <Button danger label="Revoke" onClick={() => onRevoke(key)} />,
    },
  ];
}

export function Keys() {
  const asked = useAsk('keys', (aborted) => ask<{ keys: ApiKey[] }>('v1/keys', {}, aborted));
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const revoke = async (key: ApiKey) => {
    await attempt(send('DELETE', `v1/keys/${encodeURIComponent(key.id)}`), `${key.name} revoked`);
    setRevoking(null);
    asked.again();
  };
  return (
    <>
      <Panel
        title="API keys"
        asked={asked}
        tools={<Button icon="plus" label="New key" onClick={() => setCreating(true)} />}
      >
        {({ keys }) => (
          <DataTable
            label="API keys"
            columns={columns(setRevoking)}
            rows={keys}
            keyOf={(key) => key.id}
            ended={(key) => stateOf(key) !== 'active'}
          />
        )}
      </Panel>
      {creating && <NewKey onClose={() => setCreating(false)} onMade={asked.again} />}
      {revoking && (
        <Confirm
          title="Revoke key"
          action="Revoke"
          onConfirm={() => void revoke(revoking)}
          onClose={() => setRevoking(null)}
        >
          <p>
            <b>
              <Foreign text={revoking.name} />
            </b>{' '}
            stops working at once, and cannot be brought back.
          </p>
        </Confirm>
      )}
    </>
  );
}
