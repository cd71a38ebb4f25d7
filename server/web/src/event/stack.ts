/** Finds the stack trace of an event, where the server's error groups look for it too. */
import { member, type Json } from '../json/read';

const PLACES = [['stack'], ['stack_trace'], ['stacktrace'], ['error', 'stack'], ['traceback']];

export interface Frame {
  text: string;
  kind: 'message' | 'own' | 'library';
}

export function stackOf(metadata: Json | undefined): string | null {
  for (const path of PLACES) {
    const found = member(metadata, ...path);
    if (found?.kind === 'string' && found.value.trim() !== '') return found.value;
    if (
      found?.kind === 'array' &&
      found.items.length > 0 &&
      found.items.every((item) => item.kind === 'string')
    ) {
      return found.items.map((item) => (item.kind === 'string' ? item.value : '')).join('\n');
    }
  }
  return null;
}

const FRAME =
  /^\s*(at\s|File "|#\d+\s|\S+\.go:\d+|from\s\S+:\d+|\d+:\s+\S+::)|\(\S+:\d+\)|\.(py|js|ts|rb|go|rs|php|java|cs):\d+/;
const LIBRARY =
  /node_modules|node:internal|site-packages|dist-packages|\/lib\/|\/vendor\/|\/usr\/|\.cargo|java\.|javax\.|System\.|Microsoft\.|\/gems\/|runtime\//;

export function framesOf(stack: string): Frame[] {
  return stack.split(/\r?\n/).map((text) => ({
    text,
    kind: !FRAME.test(text) ? 'message' : LIBRARY.test(text) ? 'library' : 'own',
  }));
}
