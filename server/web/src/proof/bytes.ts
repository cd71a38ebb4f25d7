/** Bytes as custody writes them: hex, base64 in its one form, big-endian integers, padded tags. */

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A label of 16 bytes, padded with zero bytes, that begins every preimage. */
export function tag(label: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(utf8(label));
  return bytes;
}

export function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return bytes;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @throws Error where it is not lower-case hex of so many bytes. */
export function fromHex(text: unknown, length: number, what: string): Uint8Array {
  if (typeof text !== 'string' || !/^[0-9a-f]*$/.test(text) || text.length !== 2 * length) {
    throw new Error(`${what}: must be ${length} bytes in hex`);
  }
  return Uint8Array.from({ length }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** @throws Error where it is not base64, in its one form, of so many bytes. */
export function fromBase64(text: unknown, length: number, what: string): Uint8Array {
  let raw: string;
  try {
    raw = atob(typeof text === 'string' ? text : '');
  } catch {
    raw = '';
  }
  if (raw.length !== length || btoa(raw) !== text)
    throw new Error(`${what}: must be ${length} bytes in base64`);
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
}

/** Microseconds since 1970 of a time in UTC, decimals beyond the sixth dropped. */
export function microseconds(text: unknown, what: string): bigint {
  const found =
    typeof text === 'string' ? /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z$/.exec(text) : null;
  const milliseconds = found ? Date.parse(`${found[1]}Z`) : NaN;
  if (!found || Number.isNaN(milliseconds) || milliseconds < 0)
    throw new Error(`${what}: must be a time in UTC`);
  return BigInt(milliseconds) * 1000n + BigInt((found[2] ?? '').padEnd(6, '0').slice(0, 6));
}
