/** Signed notes: checkpoints as c2sp.org/tlog-checkpoint and c2sp.org/signed-note say. */
import { ed25519 } from '@noble/curves/ed25519.js';
import { concat, equal, fromBase64, toHex, utf8 } from './bytes';
import { sha256 } from './hash';

export interface Key {
  origin: string;
  id: Uint8Array;
  public: Uint8Array;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
  /** The three lines that are signed. */
  text: string;
}

/** @throws Error where it is no verifier key, or its id is not its own. */
export function readKey(text: string): Key {
  const found = /^([!-*,-~]{1,255})\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
  if (!found) throw new Error('a verifier key is written <origin>+<8 digits of hex>+<base64>');
  const [, origin = '', id = '', encoded = ''] = found;
  const typed = fromBase64(encoded, 33, 'verifier key');
  const own = sha256(concat(utf8(`${origin}\n`), typed)).slice(0, 4);
  if (typed[0] !== 1 || toHex(own) !== id) throw new Error('the verifier key has a wrong id');
  return { origin, id: own, public: typed.slice(1) };
}

const NOTE = /^(([^\n]*)\n(0|[1-9][0-9]{0,15})\n([^\n]*)\n)\n((?:\u2014 [^\s+]+ [A-Za-z0-9+/]{8,}=*\n)+)$/;

/**
 * Reads a checkpoint that this key signed.
 *
 * @throws Error where it is of another log, not signed by the key, or a signature is false.
 */
export function openCheckpoint(note: string, key: Key): Checkpoint {
  const found = NOTE.exec(note);
  if (!found) throw new Error('the checkpoint is no signed note');
  const [, text = '', origin = '', size = '', root = '', signatures = ''] = found;
  if (origin !== key.origin) throw new Error(`the checkpoint is of ${origin}, the key of ${key.origin}`);
  let signed = false;
  for (const line of signatures.trimEnd().split('\n')) {
    const [, name, encoded] = line.split(' ');
    if (name !== key.origin || !encoded) continue;
    const raw = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
    if (!equal(raw.slice(0, 4), key.id)) continue;
    const holds =
      raw.length === 68 && ed25519.verify(raw.slice(4), utf8(text), key.public, { zip215: false });
    if (!holds) throw new Error('the signature of the checkpoint is false');
    signed = true;
  }
  if (!signed) throw new Error('the checkpoint is not signed by this key');
  return { origin, size: Number(size), root: fromBase64(root, 32, 'root'), text };
}
