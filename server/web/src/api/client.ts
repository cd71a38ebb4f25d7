/**
 * Calls of the HTTP API.
 *
 * Every refusal becomes a `Problem`; what concerns the whole page (signed out, offline, over the rate) also becomes
 * a signal that the shell shows, so that no panel has to.
 */
import { signal } from '@preact/signals';
import { released } from '../state/press';
import type { Archived } from './types';

export type Role = 'owner' | 'admin' | 'developer' | 'viewer' | 'auditor';

export interface Session {
  org: { id: string; name: string; plan: string };
  /** null for a plain key. */
  role: Role | null;
  scopes: string[];
  user: { id: string; email: string; name: string } | null;
  /** Whose saved views these are: the user's id, or `key:` and that of the key. */
  subject: string;
  csrf: string;
  expires_at: string;
}

/** undefined: not asked yet; null: nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);
/** Why the page asks to sign in again; empty where nothing ended. */
export const ended = signal('');
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
  /** Single fields that are at fault. */
  errors?: { pointer?: string; detail: string }[];
  /** Of type `archived`: the ranges to restore. */
  archived?: Archived[];
  /** Of type `too-many-entries`: ranges that fit. */
  ranges?: { from: string; to: string; events: number }[];
}

/** The fields that are at fault say more than that there are some. */
function messageOf(status: number, body: ProblemBody): string {
  const fields = (body.errors ?? []).map((each) =>
    `${(each.pointer ?? '').replace(/^\//, '')} ${each.detail}`.trim(),
  );
  return fields.length > 0
    ? fields.join('; ')
    : (body.detail ?? body.title ?? `The server answered ${status}`);
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: ProblemBody,
    /** Seconds after which asking again is worth it; null where the server names none. */
    readonly retryAfter: number | null = null,
  ) {
    super(messageOf(status, body));
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
  /** It is sent to its end also where the page is left meanwhile. */
  keepalive?: boolean;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const after = response.headers.get('retry-after');
    const seconds = after === null || Number.isNaN(Number(after)) ? null : Number(after);
    return new Problem(response.status, (await response.json()) as ProblemBody, seconds);
  } catch {
    return new Problem(response.status, {
      detail: `The server answered ${response.status} ${response.statusText}`,
    });
  }
}

/** @throws Problem where the server refuses, or cannot be reached (status 0). */
export async function call(path: string, options: Call = {}): Promise<Response> {
  const { method = 'GET', params, body, headers = {}, signal: aborted, keepalive = false } = options;
  const by = session.peek();
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
      keepalive,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(aborted ? { signal: aborted } : {}),
    });
  } catch (fault) {
    if (aborted?.aborted) throw fault;
    lost();
    throw new Problem(0, { title: 'Offline', detail: 'The server cannot be reached.' });
  }
  if (response.ok || response.status === 304) return response;
  const problem = await problemOf(response);
  // A refusal of who was signed in when it was asked says nothing of who has signed in since.
  if (problem.status === 401 && path !== 'v1/session' && session.peek() === by) expire();
  // Exports have a limit of their own, which is told where one is asked for.
  if (problem.status === 429 && !path.startsWith('v1/exports')) limited(problem.retryAfter ?? 1);
  throw problem;
}

export async function ask<T>(path: string, params?: Params, aborted?: AbortSignal): Promise<T> {
  return JSON.parse(await askText(path, params, aborted)) as T;
}

export async function askText(path: string, params?: Params, aborted?: AbortSignal): Promise<string> {
  const response = await call(path, {
    ...(params ? { params } : {}),
    ...(aborted ? { signal: aborted } : {}),
  });
  const text = await response.text();
  await released();
  aborted?.throwIfAborted();
  return text;
}

export async function send<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  aborted?: AbortSignal,
): Promise<T> {
  const response = await call(path, { method, body, ...(aborted ? { signal: aborted } : {}) });
  const text = await response.text();
  await released();
  aborted?.throwIfAborted();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The address stays, so that signing in again goes on where it was. */
function expire(): void {
  if (session.peek()) ended.value = 'Your session has ended. Sign in again to go on where you were.';
  session.value = null;
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

/** The one-time code of a link, taken out of the address before anything else sees it. */
function takeCode(): string | null {
  const code = /^#code=([^&]+)$/.exec(location.hash)?.[1];
  if (code === undefined) return null;
  history.replaceState(null, '', location.pathname + location.search);
  return decodeURIComponent(code);
}

export async function loadSession(): Promise<void> {
  const code = takeCode();
  if (code !== null) {
    try {
      await open({ code });
      return;
    } catch (fault) {
      if (fault instanceof Problem && fault.status === 401)
        ended.value = 'This link was used before, or is older than ten minutes.';
    }
  }
  try {
    await open(null);
  } catch (fault) {
    if (fault instanceof Problem && fault.status !== 0) session.value = null;
  }
}

let expiry: ReturnType<typeof setTimeout> | undefined;
/** Longer waits overflow the browser's timer, and would end at once. */
const TIMER_MAX = 2 ** 31 - 1;

/** Takes up the session that there is, or begins one by a key, a token or a code. */
async function open(by: { key: string } | { code: string } | null): Promise<void> {
  const opened =
    by === null ? await ask<Session>('v1/session') : await send<Session>('POST', 'v1/session', by);
  clearTimeout(expiry);
  const left = Date.parse(opened.expires_at) - Date.now();
  if (left < TIMER_MAX) expiry = setTimeout(expire, Math.max(0, left));
  ended.value = '';
  session.value = opened;
}

export async function signIn(key: string): Promise<void> {
  await open({ key });
}

export async function signOut(): Promise<void> {
  try {
    await call('v1/session', { method: 'DELETE', keepalive: true });
  } finally {
    session.value = null;
  }
}

/** Whether views may be saved: an auditor changes nothing. */
export function maySave(): boolean {
  return (session.value?.scopes ?? []).some((each) => each !== 'auditor');
}

/** Whether the session may do what needs this scope. */
export function may(scope: 'export' | 'auditor' | 'admin'): boolean {
  const scopes = session.value?.scopes ?? [];
  return scopes.includes('admin') || scopes.includes(scope);
}
