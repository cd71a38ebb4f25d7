/** Proves in the browser that one event is in the signed log. */
import { cutEvent } from '../json/lines';
import { equal, fromBase64, toHex } from './bytes';
import { recompute } from './hash';
import { openCheckpoint, readKey } from './note';
import { rootFromPath } from './tree';

export interface Step {
  what: string;
  detail: string;
  state: 'ok' | 'failed' | 'skipped';
}

export interface EventProof {
  proved: boolean;
  steps: Step[];
  checkpoint: string;
}

interface Inclusion {
  sequence: number;
  tree_size: number;
  leaf_hash: string;
  hashes: string[];
  checkpoint: string;
}

/**
 * Goes through the steps in order; the first that fails ends it.
 *
 * `answer` is the text of `GET /v1/events/{id}?proof=true`; `keyText` is the verifier key to check against.
 */
export function proveEvent(answer: string, keyText: string, expected: { eventId: string }): EventProof {
  const steps: Step[] = [];
  const { line, rest } = cutEvent(answer);
  const { inclusion } = JSON.parse(rest) as { inclusion: Inclusion };
  const run = <T>(what: string, work: () => [T, string]): T => {
    try {
      const [value, detail] = work();
      steps.push({ what, detail, state: 'ok' });
      return value;
    } catch (fault) {
      steps.push({ what, detail: fault instanceof Error ? fault.message : String(fault), state: 'failed' });
      throw fault;
    }
  };
  try {
    const record = run('Record hash (BLAKE3)', () => {
      const found = recompute(line);
      if ((JSON.parse(line) as { event_id: string }).event_id !== expected.eventId)
        throw new Error('it is another event');
      return [found, `recomputed from the stored bytes: ${toHex(found.hash)}`];
    });
    const note = run('Checkpoint signature (Ed25519)', () => {
      const found = openCheckpoint(inclusion.checkpoint, readKey(keyText));
      return [
        found,
        `signed by the key of ${found.origin} over ${found.size.toLocaleString('en-US')} events`,
      ];
    });
    run('Inclusion in the signed tree (RFC 9162)', () => {
      if (inclusion.sequence !== record.chain.sequence || inclusion.tree_size !== note.size) {
        throw new Error('the proof is for another place than it says');
      }
      if (!equal(fromBase64(inclusion.leaf_hash, 32, 'leaf_hash'), record.leaf))
        throw new Error('the leaf is not of this record');
      const path = inclusion.hashes.map((hash, i) => fromBase64(hash, 32, `hash ${i}`));
      const root = rootFromPath(record.leaf, BigInt(record.chain.sequence), BigInt(note.size), path);
      if (!equal(root, note.root)) throw new Error('the path does not lead to the root of the checkpoint');
      return [root, `${path.length} hashes lead to root ${toHex(root)}`];
    });
  } catch {
    return { proved: false, steps, checkpoint: inclusion.checkpoint };
  }
  return { proved: true, steps, checkpoint: inclusion.checkpoint };
}
