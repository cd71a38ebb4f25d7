/**
 * A real server behind a small proxy that plays its coming part in the page: it serves `dist` under the strict policy
 * and turns a pasted key into a session cookie. Used by the browser tests, and by hand:
 *
 *     STELE_BIN=…/stele STELE_GENERATE=…/stele-generate node tests/harness/server.mjs
 *
 * Environment: STELE_BIN and STELE_GENERATE (default: target/release of this repository), STELE_REAL_EVENTS (an NDJSON
 * file, .zst or not, sent too; default: that beside the checkout), STELE_EVENTS (generated ones, default 50000), PORT (default 7392, by hand only).
 */
import { spawn, execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal, Standin } from './standin.mjs';

const web = fileURLToPath(new URL('../..', import.meta.url));
const release = join(web, '../../target/release');
const stele = process.env.STELE_BIN ?? join(release, 'stele');
const generate = process.env.STELE_GENERATE ?? join(release, 'stele-generate');

const real = process.env.STELE_REAL_EVENTS ?? join(web, '../../../shared/data/real-events.ndjson.zst');

export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
const PAGES = ['/', '/log', '/api', '/errors', '/resources', '/integrity', '/archive', '/settings'];

/** Starts the server on a new directory and waits until it listens. */
async function startStele(data, key) {
  const child = spawn(
    stele,
    ['serve', '--data', data, '--listen', '127.0.0.1:0', '--access-log', 'off', '--rate-other', 'off'],
    {
      env: { ...process.env, STELE_ADMIN_KEY: key },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const address = await new Promise((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const found = /listening on (http:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`stele ended with ${code}`)));
  });
  return { child, address };
}

/** Sends NDJSON; every line must be taken. */
export async function ingest(address, key, body) {
  const response = await fetch(`${address}/v1/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body,
  });
  const answer = await response.json();
  if (!response.ok || answer.rejected > 0)
    throw new Error(`events were refused: ${JSON.stringify(answer).slice(0, 2000)}`);
  return answer;
}

async function fill(address, key) {
  const env = { ...process.env, STELE_API_KEY: key, STELE_URL: address };
  const shell = (command) =>
    execFileSync('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  shell(
    `'${generate}' --demo --seed 1 --events ${Number(process.env.STELE_EVENTS ?? 50000)} | '${stele}' ingest`,
  );
  if (existsSync(real)) shell(`'${stele}' ingest '${real}'`);
  else console.error(`without real events: ${real} is not there`);
}

function problem(response, status, title) {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: 'urn:stele:problem/test', title, status, detail: title }));
}

async function readBody(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What the stand-in plays is answered by it, the rest of /v1 by the real server, as the caller's key. */
async function answer(standin, incoming, response, path) {
  const headers = {};
  const bytes = await readBody(incoming);
  try {
    const json =
      /json/.test(incoming.headers['content-type'] ?? '') && !/ndjson/.test(incoming.headers['content-type']);
    const played = await standin.answer(
      incoming,
      path,
      json ? JSON.parse(bytes.toString()) : undefined,
      headers,
    );
    if (played === undefined)
      return forward(await standin.caller(incoming), standin.address, incoming, bytes, response);
    const [status, body] = played;
    if (Buffer.isBuffer(body)) return response.writeHead(status, headers).end(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    return response.end(body === undefined ? undefined : JSON.stringify(body));
  } catch (fault) {
    if (!(fault instanceof Refusal)) console.error(fault);
    const { status = 500, slug = 'internal', more = {} } = fault;
    if (more.retry_after) headers['retry-after'] = String(more.retry_after);
    response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
    return response.end(
      JSON.stringify({
        ...more,
        type: `urn:stele:problem/${slug}`,
        title: slug,
        status,
        detail: fault.message,
      }),
    );
  }
}

function forward(who, address, incoming, bytes, response) {
  const headers = { ...incoming.headers, authorization: `Bearer ${who.key}` };
  delete headers.cookie;
  delete headers.host;
  const upstream = request(`${address}${incoming.url}`, { method: incoming.method, headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.headers);
    answered.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  upstream.end(bytes);
}

function file(path, response) {
  const name = PAGES.includes(path) ? '/index.html' : normalize(path);
  const full = join(web, 'dist', name);
  try {
    if (!statSync(full).isFile()) throw new Error('no file');
  } catch {
    return problem(response, 404, 'Not found');
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(full)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': name === '/index.html' ? 'no-cache' : 'public, max-age=31536000, immutable',
    ...(extname(full) === '.html' ? {} : { 'content-encoding': 'gzip' }),
  });
  return createReadStream(extname(full) === '.html' ? full : `${full}.gz`).pipe(response);
}

export async function start(port = 0) {
  const data = mkdtempSync(join(tmpdir(), 'stele-web-'));
  const key = `stl_tests_${randomBytes(24).toString('hex')}`;
  const { child, address } = await startStele(join(data, 'log'), key);
  await fill(address, key);
  const standin = new Standin(address);
  const server = createServer((incoming, response) => {
    const path = new URL(incoming.url, 'http://x').pathname;
    if (path.startsWith('/v1/')) void answer(standin, incoming, response, path);
    else if (path === '/healthz') response.end('{"status":"ok"}');
    else file(path, response);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    child.kill('SIGTERM');
    await new Promise((done) => child.on('exit', done));
    rmSync(data, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${server.address().port}`;
  return { url, address: url, key, stop };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const running = await start(Number(process.env.PORT ?? 7392));
  console.log(`page  ${running.url}\nkey   ${running.key}`);
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => void running.stop().then(() => process.exit(0)));
}
