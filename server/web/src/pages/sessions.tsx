/** Who is signed in to the page. */
import { useState } from 'preact/hooks';
import { ask, base, may, send, session, signOut } from '../api/client';
import type { BrowserSession } from '../api/types';
import { Ago, attempt, Button, Foreign, say, Time } from '../ui/parts';
import { DataTable, type Column } from '../ui/table';
import { Panel, useAsk } from './frame';
import { Secret } from './secret';

interface Link {
  code: string;
  expires_at: string;
}

/** The server's `path` is that of its root; the page may be served below a prefix. */
function addressOf(link: Link): string {
  return new URL(`${base}#code=${encodeURIComponent(link.code)}`, location.href).href;
}

function columns(onEnd: (session: BrowserSession) => void): Column<BrowserSession>[] {
  return [
    {
      name: 'Signed in as',
      head: true,
      cell: (each) => (
        <>
          <Foreign text={nameOf(each)} />
          {!each.user && <span class="tag">key</span>}
          {each.current && <span class="tag">this one</span>}
        </>
      ),
    },
    { name: 'Since', cell: (each) => <Ago value={each.created_at} /> },
    { name: 'Ends', cell: (each) => <Time value={each.expires_at} /> },
    {
      name: '',
      kind: 'actions',
      cell: (each) => (
        <Button danger label={each.current ? 'Sign out here' : 'End'} onClick={() => onEnd(each)} />
      ),
    },
  ];
}

export function Sessions() {
  const asked = useAsk('sessions', (aborted) =>
    ask<{ sessions: BrowserSession[] }>('v1/sessions', {}, aborted),
  );
  const [link, setLink] = useState<Link | null>(null);
  const end = async (each: BrowserSession) => {
    if (each.current) {
      await signOut();
      return;
    }
    await attempt(send('DELETE', `v1/sessions/${encodeURIComponent(each.id)}`), 'Session ended');
    asked.again();
  };
  const make = async () => {
    try {
      setLink(await send<Link>('POST', 'v1/session/links'));
    } catch (problem) {
      say((problem as Error).message);
    }
  };
  return (
    <>
      <Panel
        title={may('admin') ? 'Sessions' : 'Your sessions'}
        asked={asked}
        tools={<Button icon="link" label="Sign in elsewhere" onClick={() => void make()} />}
      >
        {({ sessions }) => (
          <DataTable
            label="List of sessions"
            columns={columns((each) => void end(each))}
            rows={sessions}
            keyOf={(each) => each.id}
          />
        )}
      </Panel>
      {link && (
        <Secret
          title="One-time link"
          secret={addressOf(link)}
          what="Link"
          about={`Whoever opens it first is signed in as ${session.value?.user?.email ?? 'this key'}. It works once, for ten minutes.`}
          onClose={() => setLink(null)}
        />
      )}
    </>
  );
}

/** Users and keys stand there as ids or as objects that name them. */
function nameOf({ user, key }: BrowserSession): string {
  if (user !== null && user !== undefined) return typeof user === 'string' ? user : user.email;
  return typeof key === 'string' ? key : (key.name ?? key.id);
}
