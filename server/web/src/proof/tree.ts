/** Proofs in the tree of RFC 6962 and RFC 9162. */
import { equal, toHex } from './bytes';
import { nodeHash, sha256 } from './hash';

/**
 * Follows an inclusion path (RFC 9162, 2.1.3.2) from a leaf to the root of a tree of `size` leaves.
 *
 * @throws Error where the path has not the length that the place asks for.
 */
export function rootFromPath(
  leaf: Uint8Array,
  index: bigint,
  size: bigint,
  path: readonly Uint8Array[],
): Uint8Array {
  if (index < 0n || index >= size) throw new Error(`sequence ${index} is not in a tree of ${size}`);
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0n) throw new Error('the inclusion path is too long');
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw new Error('the inclusion path is too short');
  return hash;
}

/** The largest power of two below a count. */
function split(count: number): number {
  let half = 1;
  while (half * 2 < count) half *= 2;
  return half;
}

export type Known = [place: number, leaf: Uint8Array];

/** The head over `count` leaves of which `known` (ascending) are given and `take` gives the other subtrees' heads. */
function over(known: readonly Known[], begin: number, count: number, take: () => Uint8Array): Uint8Array {
  const first = known[0];
  if (!first) return count === 0 ? sha256(new Uint8Array()) : take();
  if (count === 1) return first[1];
  const half = split(count);
  const middle = begin + half;
  const cut = known.findIndex(([place]) => place >= middle);
  const [left, right] = cut === -1 ? [known, []] : [known.slice(0, cut), known.slice(cut)];
  const head = over(left, begin, half, take);
  return nodeHash(head, over(right, middle, count - half, take));
}

export function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  return over(
    leaves.map((leaf, i) => [i, leaf]),
    0,
    leaves.length,
    () => {
      throw new Error('no hashes are needed');
    },
  );
}

/**
 * One proof for many leaves: depth first, the heads of the largest subtrees in which none of them is.
 *
 * @throws Error where they do not lead to the root.
 */
export function proveLeaves(
  root: Uint8Array,
  size: number,
  known: readonly Known[],
  proof: readonly Uint8Array[],
): void {
  let at = 0;
  const found = over(known, 0, size, () => {
    const next = proof[at++];
    if (!next) throw new Error('the proof has too few hashes');
    return next;
  });
  if (at !== proof.length) throw new Error('the proof has too many hashes');
  if (!equal(found, root))
    throw new Error(`the proof leads to root ${toHex(found)}, the checkpoint has another`);
}
