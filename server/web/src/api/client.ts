/**
 * Calls of the HTTP API.
 *
 * Every refusal becomes a `Problem`; what concerns the whole page (signed out, offline, over the rate) also becomes
 * a signal that the shell shows, so that no panel has to.
 */
import { signal } from '@preact/signals';

export interface Session {
  org: string;
  role: string;
  scopes: string[];
  csrf: string;
}

/** undefined: not asked yet; null: nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);
export const offline = signal(false);
/** When the rate is free again, in milliseconds since 1970; 0 while it is not used up. */
export const limitedUntil = signal(0);
/** Counts up each time the server answers again after it did not. */
export const reconnects = signal(0);

/** Where the page is served; the API is beside it. */
export const base = location.pathname.replace(/[^/]*$/, '');

interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  request_id?: string;
  position?: number;
  length?: number;
  expected?: string;
  suggestion?: string | null;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: ProblemBody,
  ) {
    super(body.detail ?? body.title ?? `The server answered ${status}`);
  }

  /** The last word of the problem's type, such as `too-broad`. */
  get code(): string {
    return this.body.type?.split('/').at(-1) ?? '';
  }
}

/** Parameters in the order given; empty and absent ones are left out. */
export type Params = Record<string, string | number | boolean | readonly string[] | undefined>;

export function url(path: string, params: Params = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === '') continue;
    if (typeof value === 'object') value.forEach((each) => search.append(name, each));
    else search.append(name, String(value));
  }
  const text = search.toString();
  return `${base}${path}${text === '' ? '' : `?${text}`}`;
}

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  params?: Params;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    return new Problem(response.status, (await response.json()) as ProblemBody);
  } catch {
    return new Problem(response.status, {
      detail: `The server answered ${response.status} ${response.statusText}`,
    });
  }
}

/** @throws Problem where the server refuses, or cannot be reached (status 0). */
export async function call(path: string, options: Call = {}): Promise<Response> {
  const { method = 'GET', params, body, headers = {}, signal: aborted } = options;
  const sent: Record<string, string> = { ...headers };
  if (body !== undefined) sent['content-type'] = 'application/json';
  if (method !== 'GET' && session.value) sent['x-stele-csrf'] = session.value.csrf;
  let response: Response;
  try {
    response = await fetch(url(path, params), {
      method,
      headers: sent,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(aborted ? { signal: aborted } : {}),
    });
  } catch (fault) {
    if (aborted?.aborted) throw fault;
    lost();
    throw new Problem(0, { title: 'Offline', detail: 'The server cannot be reached.' });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 && path !== 'v1/session') session.value = null;
  if (problem.status === 429) limited(Number(response.headers.get('retry-after') ?? '1'));
  throw problem;
}

export async function ask<T>(path: string, params?: Params, aborted?: AbortSignal): Promise<T> {
  const response = await call(path, {
    ...(params ? { params } : {}),
    ...(aborted ? { signal: aborted } : {}),
  });
  return (await response.json()) as T;
}

export async function askText(path: string, params?: Params, aborted?: AbortSignal): Promise<string> {
  const response = await call(path, {
    ...(params ? { params } : {}),
    ...(aborted ? { signal: aborted } : {}),
  });
  return response.text();
}

export async function send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  return (await (await call(path, { method, body })).json()) as T;
}

function limited(seconds: number): void {
  const wait = Math.max(1, Math.min(seconds || 1, 600)) * 1000;
  limitedUntil.value = Date.now() + wait;
  setTimeout(() => {
    if (Date.now() >= limitedUntil.value - 50) {
      limitedUntil.value = 0;
      reconnects.value++;
    }
  }, wait);
}

let waiting = false;

/** Asks every two seconds whether the server is there again. */
function lost(): void {
  offline.value = true;
  if (waiting) return;
  waiting = true;
  const timer = setInterval(() => {
    fetch(url('healthz'), { cache: 'no-store' })
      .then((response) => {
        if (!response.ok) return;
        clearInterval(timer);
        waiting = false;
        offline.value = false;
        reconnects.value++;
      })
      .catch(() => undefined);
  }, 2000);
}

export async function loadSession(): Promise<void> {
  try {
    session.value = await ask<Session>('v1/session');
  } catch (fault) {
    if (fault instanceof Problem && fault.status !== 0) session.value = null;
  }
}

export async function signIn(key: string): Promise<void> {
  session.value = await send<Session>('POST', 'v1/session', { key });
}

export async function signOut(): Promise<void> {
  try {
    await call('v1/session', { method: 'DELETE' });
  } finally {
    session.value = null;
  }
}

/** Whether the session may do what needs this scope. */
export function may(scope: 'export' | 'auditor' | 'admin'): boolean {
  const scopes = session.value?.scopes ?? [];
  return scopes.includes('admin') || scopes.includes(scope);
}
