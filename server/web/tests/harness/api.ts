/** Calls that tests make beside the page, by a key or a token of their own. */
import { address, key } from './page';

export async function api<T>(path: string, method = 'GET', body?: unknown, secret = key()): Promise<T> {
  const response = await fetch(`${address()}/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${secret}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export interface Person {
  name: string;
  token: string;
}

const SCOPES: Record<string, string[]> = {
  admin: ['admin'],
  developer: ['ingest', 'read', 'export'],
  viewer: ['read'],
  auditor: ['auditor'],
};

export async function person(role: string, name = 'Person'): Promise<Person> {
  const made = await api<{ secret: string }>('keys', 'POST', { name, scopes: SCOPES[role] });
  return { name, token: made.secret };
}
