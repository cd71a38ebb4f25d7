/**
 * Plays what the server does not have yet: sessions, users and their tokens, saved views, exports. In memory, and only
 * as far as the page can see it; everything else goes to the real server.
 */
import { createHash, randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const SCOPES = {
  owner: ['admin'],
  admin: ['admin'],
  developer: ['ingest', 'read', 'export'],
  viewer: ['read'],
  auditor: ['auditor'],
};
const CAP = 100_000;
const now = () => new Date().toISOString();
const id = (prefix) => `${prefix}_${randomBytes(16).toString('hex')}`;

class Refusal extends Error {
  constructor(status, slug, detail, more = {}) {
    super(detail);
    Object.assign(this, { status, slug, more });
  }
}

function examples(subject) {
  return [
    ['Failed API Calls', 'category:api status:failure', 'now-24h'],
    ['Agent Changes', 'category:agent', 'now-7d'],
    ['Security Events', 'category:(security OR auth)', 'now-30d'],
    ['Deployments', 'event_type:*deployed*', 'now-7d'],
  ].map(([name, q, from]) => ({
    id: id('view'),
    name,
    q,
    from,
    to: null,
    order: 'desc',
    columns: null,
    shared: false,
    subject,
    version: 1,
    created_at: now(),
    updated_at: now(),
  }));
}

export class Standin {
  /** Cookie to session; key id to what the key is; organization to what it holds. */
  sessions = new Map();
  codes = new Map();
  keys = new Map();
  orgs = new Map();

  constructor(address) {
    this.address = address;
  }

  org(name) {
    if (!this.orgs.has(name))
      this.orgs.set(name, {
        users: [],
        views: [],
        seen: new Set(),
        order: {},
        stars: {},
        version: 1,
        exports: [],
      });
    return this.orgs.get(name);
  }

  async upstream(key, path, init = {}) {
    const response = await fetch(`${this.address}/v1/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });
    if (!response.ok) {
      const body = await response.json();
      throw new Refusal(
        response.status,
        body.type?.split('/').at(-1) ?? 'refused',
        body.detail ?? body.title,
        body,
      );
    }
    return response;
  }

  /** Who a secret is of; null where nobody. */
  async whose(secret) {
    const keyId = secret.split('_')[1] ?? '';
    const known = this.keys.get(keyId);
    if (known) {
      const user = known.user && this.org(known.org).users.find((each) => each.id === known.user);
      if (known.user && user.removed_at) return null;
      const scopes = user ? SCOPES[user.role] : known.scopes;
      return { key: secret, keyId, org: known.org, user: user ?? null, scopes, role: user?.role ?? null };
    }
    const reads = await fetch(`${this.address}/v1/retention`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    if (reads.status === 401) return null;
    const chain = await (
      await fetch(`${this.address}/v1/chain`, { headers: { authorization: `Bearer ${secret}` } })
    ).json();
    const all = await fetch(`${this.address}/v1/keys`, { headers: { authorization: `Bearer ${secret}` } });
    const scopes = all.ok ? (await all.json()).keys.find((each) => each.id === keyId)?.scopes : ['read'];
    this.keys.set(keyId, { org: chain.origin, scopes, user: null });
    return this.whose(secret);
  }

  async caller(incoming) {
    const bearer = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? '')?.[1];
    if (bearer) {
      const who = await this.whose(bearer);
      if (!who) throw new Refusal(401, 'unauthorized', 'The key is not known');
      return { ...who, session: null };
    }
    const cookie = /(?:^|;\s*)stele_session=([0-9a-f]+)/.exec(incoming.headers.cookie ?? '')?.[1];
    const session = this.sessions.get(cookie);
    if (!session) throw new Refusal(401, 'unauthorized', 'Nobody is signed in');
    const who = await this.whose(session.key);
    const gone = await fetch(`${this.address}/v1/retention`, {
      headers: { authorization: `Bearer ${session.key}` },
    });
    if (!who || gone.status === 401) {
      this.sessions.delete(cookie);
      throw new Refusal(401, 'unauthorized', 'The session has ended');
    }
    if (!['GET', 'HEAD'].includes(incoming.method) && incoming.headers['x-stele-csrf'] !== session.csrf)
      throw new Refusal(403, 'csrf', 'The CSRF token is missing');
    return { ...who, session };
  }

  shown(who, session) {
    const { user } = who;
    return {
      org: { id: who.org, name: 'default', plan: 'pro' },
      role: who.role,
      scopes: who.scopes,
      user: user && { id: user.id, email: user.email, name: user.name },
      subject: user?.id ?? `key:${who.keyId}`,
      csrf: session.csrf,
      expires_at: session.expires_at,
    };
  }

  async signIn(body, headers) {
    let key = body.key;
    if (body.code) {
      key = this.codes.get(body.code);
      this.codes.delete(body.code);
    }
    const who = key ? await this.whose(String(key)) : null;
    if (!who) throw new Refusal(401, 'unauthorized', 'The key or code is not good');
    const session = {
      id: id('ses'),
      cookie: randomBytes(24).toString('hex'),
      key,
      csrf: randomBytes(16).toString('hex'),
      created_at: now(),
      expires_at: new Date(Date.now() + 12 * 3600_000).toISOString(),
    };
    this.sessions.set(session.cookie, session);
    headers['set-cookie'] =
      `stele_session=${session.cookie}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200`;
    return this.shown(who, session);
  }

  /** Answers `[status, body]`; undefined for what the real server answers. */
  async answer(incoming, path, body, headers) {
    const method = incoming.method;
    if (path === '/v1/session' && method === 'POST') return [200, await this.signIn(body, headers)];
    const who = await this.caller(incoming);
    const subject = who.user?.id ?? `key:${who.keyId}`;
    const org = this.org(who.org);
    const admin = () => {
      if (!who.scopes.includes('admin')) throw new Refusal(403, 'forbidden', 'It needs the scope admin');
    };
    const [, , room, name, more] = path.split('/').map(decodeURIComponent);
    if (room === 'session' && name === 'links') {
      const code = randomBytes(16).toString('hex');
      this.codes.set(code, who.key);
      return [
        201,
        { code, path: `/#code=${code}`, expires_at: new Date(Date.now() + 600_000).toISOString() },
      ];
    }
    if (room === 'session' && method === 'DELETE') {
      this.sessions.delete(who.session.cookie);
      headers['set-cookie'] = 'stele_session=; Path=/; Max-Age=0';
      return [204];
    }
    if (room === 'session') return [200, this.shown(who, who.session)];
    if (room === 'sessions') return this.sessionList(who, method, name);
    if (room === 'users') {
      admin();
      return this.users(org, who, method, name, more, body);
    }
    if (room === 'views') return this.views(org, subject, who, method, name, body, incoming, headers);
    if (room === 'exports') return this.exports(org, who, method, name, more, body, headers);
    if (room === 'keys' && method === 'GET') {
      const answer = await (await this.upstream(who.key, 'keys')).json();
      answer.keys.forEach((each) => (each.user = this.keys.get(each.id)?.user ?? null));
      return [200, answer];
    }
    return undefined;
  }

  async sessionList(who, method, name) {
    const mine = [];
    for (const each of this.sessions.values()) {
      const other = await this.whose(each.key);
      const same = other?.org === who.org && (who.scopes.includes('admin') || other.keyId === who.keyId);
      if (same) mine.push([each, other]);
    }
    if (method === 'DELETE') {
      const found = mine.find(([each]) => each.id === name);
      if (!found) throw new Refusal(404, 'not-found', 'There is no such session');
      this.sessions.delete(found[0].cookie);
      return [204];
    }
    const sessions = mine.map(([each, { user, keyId }]) => ({
      id: each.id,
      created_at: each.created_at,
      expires_at: each.expires_at,
      current: each === who.session,
      user: user && { id: user.id, email: user.email, name: user.name },
      key: { id: keyId, name: 'key' },
    }));
    return [200, { sessions }];
  }

  async users(org, who, method, name, more, body) {
    const user = org.users.find((each) => each.id === name);
    if (name && !user) throw new Refusal(404, 'not-found', 'There is no such user');
    const owners = body?.role === 'owner' || user?.role === 'owner';
    if (method !== 'GET' && owners && who.user && who.user.role !== 'owner')
      throw new Refusal(403, 'forbidden', 'Only an owner changes owners');
    if (method === 'GET') return [200, { users: org.users }];
    if (more === 'tokens') {
      const made = await (
        await this.upstream(who.key, 'keys', {
          method: 'POST',
          body: JSON.stringify({ name: body.name ?? user.email, scopes: SCOPES[user.role] }),
        })
      ).json();
      this.keys.set(made.id, { org: who.org, scopes: made.scopes, user: user.id });
      return [201, { ...made, user: user.id }];
    }
    if (method === 'DELETE') {
      user.removed_at = now();
      return [200, user];
    }
    if (method === 'PUT') return [200, Object.assign(user, body)];
    const email = String(body.email).toLowerCase();
    if (!/^\S+@\S+$/.test(email)) throw new Refusal(422, 'invalid', 'email: not an e-mail address');
    if (org.users.some((each) => each.email === email && !each.removed_at))
      throw new Refusal(409, 'conflict', 'There is a user of this e-mail');
    const made = {
      id: id('usr'),
      email,
      name: body.name ?? '',
      role: body.role,
      created_at: now(),
      removed_at: null,
    };
    org.users.push(made);
    return [201, made];
  }

  views(org, subject, who, method, name, body, incoming, headers) {
    if (!org.seen.has(subject)) {
      org.seen.add(subject);
      org.views.push(...examples(subject));
      org.version++;
    }
    const stars = (org.stars[subject] ??= new Set());
    const place = (view) => {
      const at = (org.order[subject] ?? []).indexOf(view.id);
      return at === -1 ? 1e6 : at;
    };
    const shown = (view) => {
      const { subject: owner, ...rest } = view;
      const user = org.users.find((each) => each.id === owner);
      return {
        ...rest,
        starred: stars.has(view.id),
        mine: owner === subject,
        owner: { subject: owner, name: user ? user.name || user.email : 'key' },
      };
    };
    const seen = org.views.filter((each) => each.shared || each.subject === subject);
    if (method === 'GET') {
      headers.etag = `"v${org.version}"`;
      if (incoming.headers['if-none-match'] === headers.etag) return [304];
      const list = seen.map((each, i) => [each, place(each), i]).sort((a, b) => a[1] - b[1] || a[2] - b[2]);
      return [200, { views: list.map(([each]) => shown(each)), version: org.version }];
    }
    if (name === 'order') {
      org.order[subject] = body.ids;
      org.version++;
      return [200, {}];
    }
    if (method === 'POST') {
      const { starred, ...rest } = body;
      if (rest.name.trim() === '') throw new Refusal(422, 'invalid', 'name: must not be empty');
      const made = { id: id('view'), ...rest, subject, version: 1, created_at: now(), updated_at: now() };
      org.views.push(made);
      if (starred) stars.add(made.id);
      org.version++;
      return [201, shown(made)];
    }
    const view = seen.find((each) => each.id === name);
    if (!view) throw new Refusal(404, 'not-found', 'There is no such view');
    const others = Object.keys(body ?? {}).some((each) => each !== 'starred');
    if (view.subject !== subject && (method === 'DELETE' || others))
      throw new Refusal(403, 'forbidden', 'Only its owner changes a view');
    if (method === 'DELETE') {
      org.views.splice(org.views.indexOf(view), 1);
      org.version++;
      return [204];
    }
    const { starred, version, ...rest } = body;
    if (version !== undefined && version !== view.version)
      throw new Refusal(409, 'conflict', 'The view was changed meanwhile');
    if (starred !== undefined) stars[starred ? 'add' : 'delete'](view.id);
    if (Object.keys(rest).length > 0)
      Object.assign(view, rest, { version: view.version + 1, updated_at: now() });
    org.version++;
    return [200, shown(view)];
  }

  async lines(who, body, most, onLines) {
    const params = new URLSearchParams({ order: body.order ?? 'desc', limit: String(Math.min(most, 1000)) });
    for (const each of ['q', 'from', 'to']) if (body[each]) params.set(each, body[each]);
    let taken = 0;
    while (taken < most) {
      const text = await (await this.upstream(who.key, `events?${params}`)).text();
      const page = JSON.parse(text);
      onLines(page.events.slice(0, most - taken));
      taken += page.events.length;
      if (page.next_cursor === null) return;
      params.set('cursor', page.next_cursor);
    }
  }

  async matched(who, body) {
    const params = new URLSearchParams({ fields: 'status' });
    for (const each of ['q', 'from', 'to']) if (body[each]) params.set(each, body[each]);
    return (await (await this.upstream(who.key, `facets?${params}`)).json()).matched;
  }

  written(body, events) {
    if (body.format === 'ndjson') return events.map((each) => `${JSON.stringify(each)}\n`).join('');
    const fields = this.fieldsOf(body, events);
    const at = (event, path) => path.split('.').reduce((value, part) => value?.[part], event);
    if (body.format === 'json') return JSON.stringify(events, null, body.pretty ? 2 : 0);
    const cell = (value) => {
      let text = value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
      if (body.formula_guard !== false && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const rows = events.map((event) => fields.map((each) => cell(at(event, each))).join(','));
    return [fields.join(','), ...rows].map((each) => `${each}\r\n`).join('');
  }

  fieldsOf(body, events) {
    if (body.fields?.length) return body.fields;
    const found = new Set();
    const walk = (value, path) => {
      if (value !== null && typeof value === 'object' && !Array.isArray(value))
        Object.entries(value).forEach(([name, each]) => walk(each, path === '' ? name : `${path}.${name}`));
      else found.add(path);
    };
    events.forEach((each) => walk(each, ''));
    return [...found];
  }

  async exports(org, who, method, name, more, body, headers) {
    if (method === 'POST' && !who.scopes.some((each) => ['export', 'admin'].includes(each)))
      throw new Refusal(403, 'forbidden', 'It needs the scope export');
    if (name === 'preview') {
      const events = [];
      await this.lines(who, body, 5, (found) => events.push(...found));
      const total = await this.matched(who, body);
      return [
        200,
        {
          matched: total,
          total_cap: CAP,
          archived: [],
          rows: this.written(body, events),
          fields: this.fieldsOf(body, events),
        },
      ];
    }
    if (method === 'POST' && !name) return this.newExport(org, who, body);
    if (!name) return [200, { exports: org.exports.map((each) => each.row).reverse(), next_cursor: null }];
    const job = org.exports.find((each) => each.row.id === name);
    if (!job) throw new Refusal(404, 'not-found', 'There is no such export');
    if (more === 'cancel') {
      job.row.status = 'cancelled';
      return [200, job.row];
    }
    if (more === 'download') {
      headers['content-type'] = 'application/octet-stream';
      headers['content-disposition'] = `attachment; filename="${job.row.id}"`;
      return [200, job.bytes];
    }
    return [200, job.row];
  }

  async newExport(org, who, body) {
    if (body.bulk) throw new Refusal(403, 'plan', 'Bulk exports are of the plan enterprise');
    const total = await this.matched(who, body);
    if (total > CAP) {
      const params = new URLSearchParams({ interval: '1h' });
      for (const each of ['q', 'from', 'to']) if (body[each]) params.set(each, body[each]);
      const { buckets } = await (await this.upstream(who.key, `histogram?${params}`)).json();
      const ranges = [];
      for (const { start, count } of buckets) {
        const end = new Date(Date.parse(start) + 3600_000).toISOString();
        const last = ranges.at(-1);
        if (last && last.events + count <= CAP) Object.assign(last, { to: end, events: last.events + count });
        else ranges.push({ from: start, to: end, events: count });
      }
      throw new Refusal(422, 'too-many-entries', `${total} events match; an export takes at most ${CAP}`, {
        ranges,
      });
    }
    const recent = org.exports.filter((each) => Date.parse(each.row.created_at) > Date.now() - 3600_000);
    if (recent.length >= 10)
      throw new Refusal(429, 'too-many-exports', 'At most 10 exports an hour', { retry_after: 1800 });
    const actor = who.user ? { type: 'user', ...who.user } : { type: 'api_key', id: who.keyId };
    const row = {
      id: id('exp'),
      status: 'pending',
      created_at: now(),
      finished_at: null,
      requested_by: actor,
      query: { q: body.q ?? '', from: body.from ?? null, to: body.to ?? null, order: body.order ?? 'desc' },
      format: body.format,
      compression: body.compression ?? 'none',
      fields: body.fields ?? null,
      entries: 0,
      total,
      bytes: null,
      chunk_count: 0,
      chunks: [],
      verification_hash: null,
      as_of: 0,
      archived: [],
      error: null,
    };
    const job = { row, bytes: Buffer.alloc(0) };
    org.exports.push(job);
    void this.write(job, who, body);
    return [202, { id: row.id, status: row.status }];
  }

  async write(job, who, body) {
    const { row } = job;
    const events = [];
    row.status = 'running';
    await new Promise((done) => setTimeout(done, 150));
    await this.lines(who, body, CAP, (found) => {
      if (row.status === 'cancelled') throw new Refusal(409, 'cancelled', 'cancelled');
      events.push(...found);
      row.entries = events.length;
    }).catch(() => undefined);
    if (row.status === 'cancelled') return;
    const text = Buffer.from(this.written(body, events));
    job.bytes = row.compression === 'gzip' ? gzipSync(text) : text;
    const hash = createHash('sha256').update(text).digest('hex');
    Object.assign(row, {
      status: 'done',
      finished_at: now(),
      bytes: job.bytes.length,
      chunk_count: 1,
      verification_hash: `sha256:${hash}`,
      chunks: [{ file: row.id, entries: events.length, bytes: job.bytes.length, sha256: hash }],
    });
  }
}

export { Refusal };
