/**
 * Checks a compliance report as far as the page does: signature, records, links, the one proof of all of them, the
 * range, and the verification hash (steps 1 to 3 of CUSTODY.md). That nothing was left out (steps 4 to 7) is left to
 * `stele verify-report` and docs/stele_verify.py, and the page says so.
 */
import { readJson, member, type Json } from '../json/read';
import { concat, equal, fromBase64, fromHex, microseconds, tag, toHex, u64, utf8 } from './bytes';
import { genesis, leafHash, linkHash, recordHash, sha256 } from './hash';
import { openCheckpoint, readKey } from './note';
import { proveLeaves, rootOf, type Known } from './tree';

export interface ReportFacts {
  origin: string;
  treeSize: number;
  entries: number;
  records: number;
  axis: string;
  from: bigint;
  to: bigint;
  filter: string;
  verificationHash: string;
}

interface Shown {
  sequence: number;
  committed: bigint;
  event: bigint;
  leaf: Uint8Array;
}

function needed(json: Json | undefined, kind: Json['kind'], what: string): Json {
  if (json?.kind !== kind) throw new Error(`${what}: must be of type ${kind}`);
  return json;
}

function text(json: Json | undefined, what: string): string {
  return (needed(json, 'string', what) as { value: string }).value;
}

function count(json: Json | undefined, what: string): bigint {
  const found = needed(json, 'number', what) as { text: string };
  if (!/^\d{1,20}$/.test(found.text)) throw new Error(`${what}: must be a whole number`);
  return BigInt(found.text);
}

function list(json: Json | undefined, what: string): Json[] {
  return (needed(json, 'array', what) as { items: Json[] }).items;
}

/** Adds a record's leaf and its predecessor's; each place has one leaf, whoever tells it. */
function disclose(leaves: Map<number, Uint8Array>, place: number, leaf: Uint8Array): void {
  const known = leaves.get(place);
  if (known && !equal(known, leaf)) throw new Error(`sequence ${place}: its records do not fit each other`);
  leaves.set(place, leaf);
}

function readRecord(json: Json, whole: boolean, leaves: Map<number, Uint8Array>, what: string): Shown {
  const sequence = Number(count(member(json, 'seq'), `${what}, seq`));
  const committed = count(member(json, 'ts'), `${what}, ts`);
  const previous = fromHex(text(member(json, 'prev'), `${what}, prev`), 32, `${what}, prev`);
  let r: Uint8Array;
  let event: bigint;
  if (whole) {
    const body = text(member(json, 'body'), `${what}, body`);
    r = recordHash(fromHex(text(member(json, 'salt'), `${what}, salt`), 16, `${what}, salt`), utf8(body));
    event = microseconds(
      text(member(readJson(body), 'timestamp'), `${what}, timestamp`),
      `${what}, timestamp`,
    );
  } else {
    r = fromHex(text(member(json, 'r'), `${what}, r`), 32, `${what}, r`);
    event = count(member(json, 'ev'), `${what}, ev`);
  }
  const leaf = leafHash(linkHash(previous, BigInt(sequence), committed, event, r));
  disclose(leaves, sequence, leaf);
  disclose(leaves, sequence - 1, leafHash(previous));
  return { sequence, committed, event, leaf };
}

/** @throws Error with the first fault. */
export function checkReport(data: string, keyText: string): ReportFacts {
  const report = readJson(data);
  if (text(member(report, 'format'), 'format') !== 'stele.report/v1')
    throw new Error('format: must be stele.report/v1');
  if (text(member(report, 'key'), 'key') !== keyText.trim())
    throw new Error("the report's key is not the one given");
  const key = readKey(keyText);
  const note = openCheckpoint(text(member(report, 'checkpoint'), 'checkpoint'), key);

  const leaves = new Map<number, Uint8Array>([[-1, leafHash(genesis(key.origin))]]);
  const shown: Record<string, Shown[]> = {};
  let records = 0;
  for (const name of ['entries', 'headers', 'index_records']) {
    let before = -1;
    shown[name] = list(member(report, name), name).map((json, i) => {
      const found = readRecord(json, name !== 'headers', leaves, `${name}[${i}]`);
      if (found.sequence <= before) throw new Error(`${name}[${i}]: sequences must ascend`);
      before = found.sequence;
      records++;
      return found;
    });
  }
  const known = [...leaves].filter(([place]) => place >= 0).sort(([a], [b]) => a - b) as Known[];
  if (known.some(([place]) => place >= note.size))
    throw new Error(`a record is beyond the ${note.size} that are signed`);
  const proof = list(member(report, 'proof'), 'proof').map((hash, i) =>
    fromBase64(text(hash, 'proof'), 32, `proof[${i}]`),
  );
  proveLeaves(note.root, note.size, known, proof);

  const filter = text(member(report, 'filter'), 'filter');
  const asked = readJson(filter);
  const axis = text(member(asked, 'axis'), 'axis');
  const from = count(member(asked, 'from_us'), 'from_us');
  const to = count(member(asked, 'to_us'), 'to_us');
  const entries = shown['entries'] ?? [];
  for (const entry of entries) {
    const time = axis === 'event' ? entry.event : entry.committed;
    if (time < from || time >= to)
      throw new Error(`sequence ${entry.sequence}: outside of the report's range`);
  }
  const sum = sha256(
    concat(
      tag('stele/report/v1'),
      sha256(utf8(note.text)),
      sha256(utf8(filter)),
      u64(BigInt(entries.length)),
      rootOf(entries.map((entry) => entry.leaf)),
    ),
  );
  const claimed = text(member(report, 'verification_hash'), 'verification_hash');
  if (toHex(sum) !== claimed) throw new Error(`the verification hash is ${toHex(sum)}, not ${claimed}`);
  return {
    origin: key.origin,
    treeSize: note.size,
    entries: entries.length,
    records,
    axis,
    from,
    to,
    filter,
    verificationHash: `stele1:${claimed}`,
  };
}
