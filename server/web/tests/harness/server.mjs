/**
 * A real server with events, and nothing before it: the page that it serves is the one that was built into it. Used by
 * the browser tests, and by hand:
 *
 *     STELE_BIN=…/stele STELE_GENERATE=…/stele-generate node tests/harness/server.mjs
 *
 * Environment: STELE_BIN and STELE_GENERATE (default: target/release of this repository), STELE_REAL_EVENTS (an NDJSON
 * file, .zst or not, sent too; default: that beside the checkout), STELE_EVENTS (generated ones, default 50000),
 * STELE_PAGE_FROM=dist (to work on the page without building the server: a small proxy serves `dist`, and hands on all
 * else as it is), PORT (of that proxy, or of the server; default 7392, by hand only).
 */
import { spawn, execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = fileURLToPath(new URL('../..', import.meta.url));
const release = join(web, '../../target/release');
const stele = process.env.STELE_BIN ?? join(release, 'stele');
const generate = process.env.STELE_GENERATE ?? join(release, 'stele-generate');
const real = process.env.STELE_REAL_EVENTS ?? join(web, '../../../shared/data/real-events.ndjson.zst');

/** Starts the server on a new directory and waits until it listens. */
async function startStele(data, key, port) {
  const child = spawn(
    stele,
    ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, '--access-log', 'off', '--rate-other', 'off'],
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

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

function file(path, response) {
  const full = join(web, 'dist', extname(path) === '' ? '/index.html' : normalize(path));
  if (!existsSync(full) || !statSync(full).isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(full)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'cache-control': 'no-cache',
  });
  createReadStream(full).pipe(response);
}

/** `dist` before the server: for work on the page only. */
async function proxy(address, port) {
  const server = createServer((incoming, response) => {
    const path = new URL(incoming.url, 'http://x').pathname;
    if (!path.startsWith('/v1/') && path !== '/healthz') {
      file(path, response);
      return;
    }
    const { method, headers } = incoming;
    const upstream = request(`${address}${incoming.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return server;
}

export async function start(port = 0) {
  const data = mkdtempSync(join(tmpdir(), 'stele-web-'));
  const key = `stl_tests_${randomBytes(24).toString('hex')}`;
  const fromDist = process.env.STELE_PAGE_FROM === 'dist';
  const { child, address } = await startStele(join(data, 'log'), key, fromDist ? 0 : port);
  await fill(address, key);
  const before = fromDist ? await proxy(address, port) : null;
  const stop = async () => {
    before?.closeAllConnections();
    before?.close();
    child.kill('SIGTERM');
    await new Promise((done) => child.on('exit', done));
    rmSync(data, { recursive: true, force: true });
  };
  return { url: before ? `http://127.0.0.1:${before.address().port}` : address, key, stop };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const running = await start(Number(process.env.PORT ?? 7392));
  console.log(`page  ${running.url}\nkey   ${running.key}`);
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => void running.stop().then(() => process.exit(0)));
}
