/** The people of the organization: what each may do, and the tokens that they sign in with. */
import { useState } from 'preact/hooks';
import { ask, send, session, type Role } from '../api/client';
import type { User } from '../api/types';
import { Ago, Button, Dialog, Empty, Foreign, say } from '../ui/parts';
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
  const [role, setRole] = useState<string>('viewer');
  const [fault, setFault] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const body = { email: email.trim(), role, ...(name.trim() === '' ? {} : { name: name.trim() }) };
      onMade(await send<User>('POST', 'v1/users', body));
    } catch (problem) {
      setFault((problem as Error).message);
    }
  };
  return (
    <Dialog title="Add a user" onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <label>
          E-mail
          <input required value={email} onInput={(event) => setEmail(event.currentTarget.value)} />
        </label>
        <label>
          Name
          <input value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
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
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <Button label="Cancel" onClick={onClose} />
          <button type="submit" class="button primary">
            Add
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function NewToken({ user, onClose }: { user: User; onClose: () => void }) {
  const [name, setName] = useState('browser');
  const [days, setDays] = useState('90');
  const [fault, setFault] = useState('');
  const [secret, setSecret] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    const expires = days === '' ? null : new Date(Date.now() + Number(days) * 86_400_000).toISOString();
    try {
      const made = await send<{ secret: string }>('POST', `v1/users/${encodeURIComponent(user.id)}/tokens`, {
        ...(name.trim() === '' ? {} : { name: name.trim() }),
        ...(expires === null ? {} : { expires_at: expires }),
      });
      setSecret(made.secret);
    } catch (problem) {
      setFault((problem as Error).message);
    }
  };
  if (secret !== '') return <Secret title="Token created" secret={secret} what="Token" onClose={onClose} />;
  return (
    <Dialog title={`Token for ${user.name || user.email}`} onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p class="quiet">
          It signs in as this user, with what the role <b>{user.role}</b> may do at that time. It is listed
          and revoked among the keys.
        </p>
        <label>
          Name
          <input value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
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
          <button type="submit" class="button primary">
            Create token
          </button>
        </div>
      </form>
    </Dialog>
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

export function Users() {
  const asked = useAsk('users', (aborted) => ask<{ users: User[] }>('v1/users', {}, aborted));
  const [adding, setAdding] = useState(false);
  const [token, setToken] = useState<User | null>(null);
  const [removing, setRemoving] = useState<User | null>(null);
  const path = (user: User) => `v1/users/${encodeURIComponent(user.id)}`;
  const tried = async (work: Promise<unknown>, done: string) => {
    try {
      await work;
      say(done);
    } catch (problem) {
      say((problem as Error).message);
    }
    asked.again();
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
            <div class="scroll-x" tabIndex={0} role="region" aria-label="List of users">
              <table class="data">
                <thead>
                  <tr>
                    {['E-mail', 'Name', 'Role', 'Added', 'State', ''].map((each) => (
                      <th key={each} scope="col">
                        {each === '' ? <span class="offscreen">Actions</span> : each}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {users.map((user) => (
                    <tr key={user.id} class={user.removed_at === null ? '' : 'ended'}>
                      <th scope="row">
                        <Foreign text={user.email} />
                        {user.id === session.value?.user?.id && <span class="tag">you</span>}
                      </th>
                      <td>
                        <Foreign text={user.name} />
                      </td>
                      <td>
                        <RoleOf
                          user={user}
                          onChange={(role) =>
                            void tried(send('PUT', path(user), { role }), `${user.email} is now ${role}`)
                          }
                        />
                      </td>
                      <td>
                        <Ago value={user.created_at} />
                      </td>
                      <td>{user.removed_at === null ? 'active' : 'removed'}</td>
                      <td class="actions">
                        {user.removed_at === null && (
                          <>
                            <Button icon="keys" label="New token" onClick={() => setToken(user)} />
                            {(user.role !== 'owner' || mayOwner()) && (
                              <Button danger label="Remove" onClick={() => setRemoving(user)} />
                            )}
                          </>
                        )}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
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
        <Dialog title="Remove user" onClose={() => setRemoving(null)}>
          <p>
            <b>
              <Foreign text={removing.email} />
            </b>
            : tokens and sessions stop working at once. What this user did stays in the log.
          </p>
          <div class="row end">
            <Button label="Cancel" onClick={() => setRemoving(null)} />
            <Button
              danger
              label="Remove"
              onClick={() => {
                void tried(send('DELETE', path(removing)), `${removing.email} removed`);
                setRemoving(null);
              }}
            />
          </div>
        </Dialog>
      )}
    </>
  );
}
