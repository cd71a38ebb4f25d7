/** What the API answers; docs/API.md describes it. */
import type { Chain } from '../proof/hash';

export interface Actor {
  type: string;
  id?: string;
  email?: string;
  name?: string;
  ip_address?: string;
  user_agent?: string;
}

export interface LogEvent {
  event_id: string;
  timestamp: string;
  event_type: string;
  category: string;
  actor: Actor;
  resource: { type: string; id: string; name?: string };
  action: string;
  status: string;
  metadata: Record<string, unknown>;
  schema_errors?: { pointer: string; detail: string }[];
  chain: Chain;
}

export interface Hint {
  position: number;
  detail: string;
  suggestion: string | null;
}

export interface Archived {
  first_sequence: number;
  last_sequence: number;
  from: string;
  to: string;
  events: number;
}

export interface Page {
  next_cursor: string | null;
  matched: number | null;
  took_us: number;
  query: string;
  hints: Hint[];
  archived: Archived[];
}

export interface Facet {
  values: { value: unknown; count: number }[];
  other: number;
  missing: number;
}

export interface Facets {
  facets: Record<string, Facet>;
  matched: number;
  took_us: number;
}

export interface Histogram {
  interval: string;
  buckets: { start: string; count: number; by: Record<string, number> }[];
}

export interface MetricGroup {
  key: unknown;
  count: number;
  min: number;
  max: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface ErrorGroup {
  fingerprint: string;
  event_type: string;
  message: string;
  count: number;
  first_seen: string;
  last_seen: string;
  sample: LogEvent;
  sparkline: number[];
}

export interface ChainHead {
  origin: string;
  size: number;
  sequence: number | null;
  hash: string;
  root: string;
  checkpoint: string;
  key: string;
  keys: { key: string; from_size: number }[];
  verified: { sequence: number; at: string } | null;
  deep_verified: { sequence: number; at: string } | null;
}

export interface Report {
  id: string;
  status: 'pending' | 'running' | 'done' | 'failed' | 'expired';
  created_at: string;
  finished_at: string | null;
  requested_by: Actor;
  filter: Record<string, unknown>;
  entries: number | null;
  as_of: number | null;
  verification_hash: string | null;
  error: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
  /** The user whose token it is; null for a plain key. */
  user?: string | null;
}

export interface EventType {
  event_type: string;
  category: string;
  schema: unknown;
  on_mismatch: 'mark' | 'refuse';
  built_in: boolean;
}

export type Tier = 'shipped' | 'archived' | 'restored';

export interface ArchivedSegment {
  first_sequence: number;
  last_sequence: number;
  from: string;
  to: string;
  events: number;
  bytes: number;
  state: Tier;
  expires_at: string | null;
}

/** What fails now and is tried again. */
export interface Trouble {
  at: string | null;
  step: string;
  detail: string;
}

export interface Archives {
  archives: ArchivedSegment[];
  next_cursor: string | null;
  store: string | null;
  /** Why the store was not seen to do what is required of it: until then nothing is archived. */
  unproved: Trouble | null;
  locks: {
    lengthening: boolean;
    lock_days: number;
    locked_until: string | null;
    done: number;
    total: number;
    error: Trouble | null;
  } | null;
  error: Trouble | null;
}

export interface Retention {
  active_days: number | null;
  chill_after_days: number;
  archive: boolean;
  legal_hold: boolean;
  plan: 'pro' | 'enterprise';
}

export interface Restore {
  id: string;
  status: 'pending' | 'running' | 'done' | 'failed';
  created_at: string;
  deadline: string;
  overdue: boolean;
  finished_at: string | null;
  expires_at: string | null;
  requested_by: Actor;
  from: string;
  to: string;
  reason: string;
  days: number;
  done: number;
  refused: number;
  total: number;
  segments: { first_sequence: number; last_sequence: number; state: string; detail: string | null }[];
}

export interface Export {
  id: string;
  status: 'pending' | 'running' | 'done' | 'failed' | 'cancelled' | 'expired';
  created_at: string;
  finished_at: string | null;
  requested_by: Actor;
  query: Record<string, unknown> | string;
  format: 'json' | 'ndjson' | 'csv';
  compression: 'none' | 'gzip' | 'zstd';
  fields: string[] | null;
  entries: number;
  total: number | null;
  bytes: number | null;
  chunk_count: number;
  /** Lists leave them out. */
  chunks?: { file: string; entries: number; bytes: number; sha256: string }[];
  verification_hash: string | null;
  archived: Archived[];
  error: string | null;
}

export interface Preview {
  matched: number;
  total_cap: number;
  rows: string;
  fields: string[];
  archived: Archived[];
}

export interface User {
  id: string;
  email: string;
  name: string;
  role: 'owner' | 'admin' | 'developer' | 'viewer' | 'auditor';
  created_at: string;
  removed_at: string | null;
}

export interface BrowserSession {
  id: string;
  created_at: string;
  expires_at: string;
  current: boolean;
  user: string | { id: string; email: string; name: string } | null;
  key: string | { id: string; name?: string };
}
