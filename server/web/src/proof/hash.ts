/**
 * The hashes of a record, its link and its leaf, as docs/CUSTODY.md says; computed here so that nobody has to take the
 * server's word for them.
 */
import { blake3 } from '@noble/hashes/blake3.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { cutEvent, recordOf } from '../json/lines';
import { concat, equal, fromHex, microseconds, tag, toHex, u64, utf8 } from './bytes';

export { sha256 };

export interface Chain {
  sequence: number;
  committed_at: string;
  salt: string;
  previous: string;
  hash: string;
}

export function genesis(origin: string): Uint8Array {
  return blake3(concat(tag('stele/genesis/v1'), utf8(origin)));
}

/** r: salted hash of the stored bytes, padded to whole blocks. */
export function recordHash(salt: Uint8Array, body: Uint8Array): Uint8Array {
  const length = 16 + salt.length + 8 + body.length;
  const padding = new Uint8Array((64 - (length % 64)) % 64);
  return blake3(concat(tag('stele/record/v1'), salt, u64(BigInt(body.length)), body, padding));
}

/** h: the link, over the hash before it. */
export function linkHash(
  previous: Uint8Array,
  sequence: bigint,
  committed: bigint,
  event: bigint,
  r: Uint8Array,
): Uint8Array {
  return blake3(concat(tag('stele/chain/v1'), previous, u64(sequence), u64(committed), u64(event), r));
}

export function leafHash(link: Uint8Array): Uint8Array {
  return sha256(concat(Uint8Array.of(0), link));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(Uint8Array.of(1), left, right));
}

export interface Recomputed {
  chain: Chain;
  hash: Uint8Array;
  leaf: Uint8Array;
}

/**
 * Recomputes the hash of an event from the bytes of its line.
 *
 * @throws Error where the line does not lead to the hash that it claims.
 */
export function recompute(line: string): Recomputed {
  const event = JSON.parse(line) as { timestamp: unknown; chain: Chain };
  const { chain } = event;
  const r = recordHash(fromHex(chain.salt, 16, 'salt'), utf8(recordOf(line)));
  const hash = linkHash(
    fromHex(chain.previous, 32, 'previous'),
    BigInt(chain.sequence),
    microseconds(chain.committed_at, 'committed_at'),
    microseconds(event.timestamp, 'timestamp'),
    r,
  );
  if (!equal(hash, fromHex(chain.hash, 32, 'hash'))) {
    throw new Error(`the event's bytes hash to ${toHex(hash)}, not to ${chain.hash}`);
  }
  return { chain, hash, leaf: leafHash(hash) };
}

export { cutEvent };
