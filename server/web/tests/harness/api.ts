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
  id: string;
  email: string;
  name: string;
  token: string;
}

let people = 0;

/** A new user with a token. */
export async function person(role: string, name: string, secret = key()): Promise<Person> {
  const email = `${name.toLowerCase().replace(/\W+/g, '.')}.${Date.now()}.${people++}@example.com`;
  const made = await api<{ id: string }>('users', 'POST', { email, name, role }, secret);
  const token = await api<{ secret: string }>(`users/${made.id}/tokens`, 'POST', { name: 'browser' }, secret);
  return { id: made.id, email, name, token: token.secret };
}
