/** Organizations of their own, for tests that use up a limit or move the log's events elsewhere. */
import { api } from './api';
import { address } from './page';
import { ingest } from './server.mjs';

export async function organization(name: string, plan = 'pro'): Promise<string> {
  return (await api<{ key: string }>('orgs', 'POST', { name: `${name} ${Date.now()}`, plan })).key;
}

/** More than one segment holds, and more than one export: small events, one every hundred seconds from May on. */
export const BIG = 135_000;
const START = Date.UTC(2026, 4, 1);
const PART = 15_000;

function line(n: number): string {
  return JSON.stringify({
    event_id: `big-${n}`,
    timestamp: new Date(START + n * 100_000).toISOString(),
    event_type: n % 3 === 0 ? 'auth.login' : 'agent.updated',
    actor: { type: 'user', id: `usr_${n % 50}` },
    resource: { type: 'agent', id: `agt_${n % 200}` },
    action: 'update',
    status: n % 10 === 0 ? 'failure' : 'success',
    metadata: { n },
  });
}

let big: Promise<string> | null = null;

async function fill(): Promise<string> {
  const key = await organization('Big', 'enterprise');
  for (let from = 0; from < BIG; from += PART) {
    const lines = Array.from({ length: PART }, (_, i) => line(from + i));
    await ingest(address(), key, lines.join('\n'));
  }
  return key;
}

/** Made when a test first wants it. */
export function bigOrganization(): Promise<string> {
  big ??= fill();
  return big;
}
