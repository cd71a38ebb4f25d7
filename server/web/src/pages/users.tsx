/** The people of the organization: what each may do, and the tokens that they sign in with. */
import { useState } from 'preact/hooks';
import { ask, send, session, type Role } from '../api/client';
import type { User } from '../api/types';
import { Confirm, FormDialog } from '../ui/dialog';
import { expiry, LifeField, TextField, type Life } from '../ui/fields';
import { Ago, attempt, Button, Empty, Foreign } from '../ui/parts';
import { DataTable, type Column } from '../ui/table';
import { Panel, useAsk } from './frame';
import { Secret } from './secret';

const ROLES: readonly (readonly [Role, string])[] = [
  ['owner', 'everything, owners too'],
  ['admin', 'everything but owners'],
  ['developer', 'send, search, export'],
  ['viewer', 'search and read'],
  ['auditor', 'read, verify, make reports'],
];

/** Owners are made, changed and removed by owners, and by plain keys with the scope admin. */
function mayOwner(): boolean {
  const now = session.value;
  return now?.user === null || now?.role === 'owner';
}

function roles(): readonly (readonly [Role, string])[] {
  return mayOwner() ? ROLES : ROLES.filter(([role]) => role !== 'owner');
}

function Add({ onClose, onMade }: { onClose: () => void; onMade: (user: User) => void }) {
  const [email, setEmail] = useState('');
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const submit = async () => {
    const body = { email: email.trim(), role, ...(name.trim() === '' ? {} : { name: name.trim() }) };
    onMade(await send<User>('POST', 'v1/users', body));
  };
  return (
    <FormDialog title="Add a user" submit="Add" onSubmit={submit} onClose={onClose}>
      <TextField label="E-mail" required value={email} onChange={setEmail} />
      <TextField label="Name" value={name} onChange={setName} />
      <fieldset>
        <legend>Role</legend>
        {roles().map(([each, what]) => (
          <label key={each} class="check">
            <input type="radio" name="role" checked={role === each} onChange={() => setRole(each)} />
            <b>{each}</b> <span class="quiet">{what}</span>
          </label>
        ))}
      </fieldset>
      <p class="quiet small">
        Stele sends no mail. Make a token for the new user afterwards, and hand it over yourself.
      </p>
    </FormDialog>
  );
}

function NewToken({ user, onClose }: { user: User; onClose: () => void }) {
  const [name, setName] = useState('browser');
  const [life, setLife] = useState<Life>('90');
  const [secret, setSecret] = useState('');
  const submit = async () => {
    const made = await send<{ secret: string }>('POST', `v1/users/${encodeURIComponent(user.id)}/tokens`, {
      ...(name.trim() === '' ? {} : { name: name.trim() }),
      ...expiry(life),
    });
    setSecret(made.secret);
  };
  if (secret !== '') return <Secret title="Token created" secret={secret} what="Token" onClose={onClose} />;
  return (
    <FormDialog
      title={`Token for ${user.name || user.email}`}
      submit="Create token"
      onSubmit={submit}
      onClose={onClose}
    >
      <p class="quiet">
        It signs in as this user, with what the role <b>{user.role}</b> may do at that time. It is listed and
        revoked among the keys.
      </p>
      <TextField label="Name" value={name} onChange={setName} />
      <LifeField value={life} onChange={setLife} />
    </FormDialog>
  );
}

function RoleOf({ user, onChange }: { user: User; onChange: (role: string) => void }) {
  if (user.removed_at !== null || (user.role === 'owner' && !mayOwner())) return <>{user.role}</>;
  return (
    <select
      aria-label={`Role of ${user.email}`}
      value={user.role}
      onChange={(event) => onChange(event.currentTarget.value)}
    >
      {roles().map(([role]) => (
        <option key={role} value={role}>
          {role}
        </option>
      ))}
    </select>
  );
}

interface Changes {
  onRole: (user: User, role: string) => void;
  onToken: (user: User) => void;
  onRemove: (user: User) => void;
}

function columns({ onRole, onToken, onRemove }: Changes): Column<User>[] {
  return [
    {
      name: 'E-mail',
      head: true,
      cell: (user) => (
        <>
          <Foreign text={user.email} />
          {user.id === session.value?.user?.id && <span class="tag">you</span>}
        </>
      ),
    },
    { name: 'Name', cell: (user) => <Foreign text={user.name} /> },
    { name: 'Role', cell: (user) => <RoleOf user={user} onChange={(role) => onRole(user, role)} /> },
    { name: 'Added', cell: (user) => <Ago value={user.created_at} /> },
    { name: 'State', cell: (user) => (user.removed_at === null ? 'active' : 'removed') },
    {
      name: '',
      kind: 'actions',
      cell: (user) =>
        user.removed_at === null && (
          <>
            <Button icon="keys" label="New token" onClick={() => onToken(user)} />
            {(user.role !== 'owner' || mayOwner()) && (
              <Button danger label="Remove" onClick={() => onRemove(user)} />
            )}
          </>
        ),
    },
  ];
}

export function Users() {
  const asked = useAsk('users', (aborted) => ask<{ users: User[] }>('v1/users', {}, aborted));
  const [adding, setAdding] = useState(false);
  const [token, setToken] = useState<User | null>(null);
  const [removing, setRemoving] = useState<User | null>(null);
  const change = async (work: Promise<unknown>, done: string) => {
    await attempt(work, done);
    asked.again();
  };
  const path = (user: User) => `v1/users/${encodeURIComponent(user.id)}`;
  const changes: Changes = {
    onRole: (user, role) => void change(send('PUT', path(user), { role }), `${user.email} is now ${role}`),
    onToken: setToken,
    onRemove: setRemoving,
  };
  return (
    <>
      <Panel
        title="Users"
        asked={asked}
        tools={<Button icon="plus" label="Add a user" onClick={() => setAdding(true)} />}
      >
        {({ users }) =>
          users.length === 0 ? (
            <Empty title="No users yet">
              <p>A user signs in with a token, has saved views, and is named in the log as who did what.</p>
            </Empty>
          ) : (
            <DataTable
              label="List of users"
              columns={columns(changes)}
              rows={users}
              keyOf={(user) => user.id}
              ended={(user) => user.removed_at !== null}
            />
          )
        }
      </Panel>
      {adding && (
        <Add
          onClose={() => setAdding(false)}
          onMade={(user) => {
            setAdding(false);
            setToken(user);
            asked.again();
          }}
        />
      )}
      {token && <NewToken user={token} onClose={() => setToken(null)} />}
      {removing && (
        <Confirm
          title="Remove user"
          action="Remove"
          onConfirm={() => {
            void change(send('DELETE', path(removing)), `${removing.email} removed`);
            setRemoving(null);
          }}
          onClose={() => setRemoving(null)}
        >
          <p>
            <b>
              <Foreign text={removing.email} />
            </b>
            : tokens and sessions stop working at once. What this user did stays in the log.
          </p>
        </Confirm>
      )}
    </>
  );
}
