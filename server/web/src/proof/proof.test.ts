import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from './bytes';
import { genesis, leafHash, linkHash, recompute, recordHash } from './hash';
import { openCheckpoint, readKey } from './note';
import { checkReport } from './report';
import { rootFromPath, rootOf } from './tree';

const vectors = new URL('../../../../docs/vectors/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, vectors), 'utf8');
const key = read('key.txt').trim();

describe('the vectors of CUSTODY.md', () => {
  it('record, link, leaf, root', () => {
    const origin = 'example.com/stele/test';
    let previous = genesis(origin);
    expect(toHex(previous)).toBe('a10e4c99f7870423663008b0eae05f904fdff44ac059e55700b8433998bd9669');
    const bodies = ['{}', '{"event_id":"a","event_type":"auth.login"}', 'x'.repeat(100)];
    const links = bodies.map((body, i) => {
      const r = recordHash(new Uint8Array(16).fill(i), utf8(body));
      previous = linkHash(
        previous,
        BigInt(i),
        1700000000000000n + BigInt(Math.min(i, 1)),
        1600000000000000n + BigInt(i),
        r,
      );
      return previous;
    });
    expect(links.map(toHex)).toEqual([
      '27961674f3ae9d3c4d85d01e0f86b519f703c29abd6550001b9f33ea82b1ced8',
      '1445611f3267e58eb8af2cda7375f7a0f928e327845f0812b56245930a4e283e',
      'd0af9b46d59de92e9aef273028a9457a93b4424d6a57f400643f8afb2ebece46',
    ]);
    expect(toHex(rootOf(links.map(leafHash)))).toBe(
      'b95c88ba19987c68caa664a20592a802fdffbef53d2d4366c7fb998927e5a0f1',
    );
  });
  it('checkpoint of another key or log, or changed, is refused', () => {
    const note = read('checkpoint.txt');
    expect(openCheckpoint(note, readKey(key)).size).toBe(53);
    expect(() => openCheckpoint(note.replace('\n53\n', '\n54\n'), readKey(key))).toThrow('false');
    expect(() => readKey(key.replace('4489043c', '4489043d'))).toThrow('wrong id');
  });
});

describe('events', () => {
  const lines = read('export.ndjson').trim().split('\n');
  const checkpoint = openCheckpoint(read('checkpoint.txt'), readKey(key));
  it('re-hash from their lines, and are the tree that is signed', () => {
    const leaves = lines.map((line) => recompute(line).leaf);
    expect(toHex(rootOf(leaves.slice(0, checkpoint.size)))).toBe(toHex(checkpoint.root));
  });
  it('are refused when one character is changed', () => {
    const line = lines[3] ?? '';
    expect(() => recompute(line.replace('"action":"update"', '"action":"updatf"'))).toThrow('hash to');
  });
  it('are proved by the path of RFC 9162 at every place of every size', () => {
    const leaves = lines.slice(0, 33).map((line) => recompute(line).leaf);
    for (let size = 1; size <= leaves.length; size++) {
      const root = toHex(rootOf(leaves.slice(0, size)));
      for (let i = 0; i < size; i++) {
        const path = pathOf(leaves.slice(0, size), i);
        expect(toHex(rootFromPath(leaves[i] as Uint8Array, BigInt(i), BigInt(size), path))).toBe(root);
        if (path.length > 0)
          expect(() =>
            rootFromPath(leaves[i] as Uint8Array, BigInt(i), BigInt(size), path.slice(1)),
          ).toThrow();
      }
    }
  });
});

function pathOf(leaves: Uint8Array[], at: number): Uint8Array[] {
  if (leaves.length <= 1) return [];
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return at < half ? [...pathOf(left, at), rootOf(right)] : [...pathOf(right, at - half), rootOf(left)];
}

describe('reports', () => {
  const good = [
    'report-all.json',
    'report-commit.json',
    'report-event.json',
    'report-none.json',
    'report-pairs.json',
  ];
  it.each(good)('%s is taken', (name) => {
    expect(checkReport(read(name), key).verificationHash).toMatch(/^stele1:[0-9a-f]{64}$/);
  });
  const bad = [
    'body-changed',
    'hash-changed',
    'salt-changed',
    'sequence-changed',
    'time-changed',
    'root-changed',
    'size-changed',
    'proof-shortened',
    'proof-lengthened',
    'signature-gone',
    'signed-by-another',
    'key-of-another',
    'narrowed-range',
    'format-of-later',
  ];
  it.each(bad)('%s.json is refused', (name) => {
    expect(() => checkReport(read(`refused/${name}.json`), key)).toThrow();
  });
  it('needs the key from outside', () => {
    expect(() => checkReport(read('report-all.json'), 'other+00000000+AQ')).toThrow();
    expect(() => fromHex('ABCD', 2, 'x')).toThrow();
  });
});
