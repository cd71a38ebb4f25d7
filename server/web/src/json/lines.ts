/**
 * Cuts a page of events into the lines that were stored, without parsing them.
 *
 * 100,000 parsed events would fill a browser's memory; as slices of the answers that they came in they do not. A row is
 * parsed when it is shown. The line is also what hashes are made of, so it must stay as it was sent.
 */

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;

/** The index behind the value that begins at `at` with `{` or `[`. */
export function endOfValue(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = endOfString(text, i);
    } else if (code === OPEN || code === OPEN_LIST) {
      depth++;
    } else if (code === CLOSE || code === CLOSE_LIST) {
      depth--;
      if (depth === 0) return i + 1;
    }
  }
  throw new SyntaxError('the answer ends inside a value');
}

/** The index of the quote that ends the string which begins at `at`. */
export function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  while (end !== -1) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  throw new SyntaxError('the answer ends inside a string');
}

/** The lines of `{"<list>":[…],…}` and the answer without them. */
export function cutLines(text: string, list: string): { lines: string[]; rest: string } {
  const head = `{"${list}":[`;
  if (!text.startsWith(head)) throw new SyntaxError(`the answer does not begin with ${head}`);
  const lines: string[] = [];
  let at = head.length;
  while (text.charCodeAt(at) === OPEN) {
    const end = endOfValue(text, at);
    lines.push(text.slice(at, end));
    at = text[end] === ',' ? end + 1 : end;
  }
  if (text[at] !== ']') throw new SyntaxError(`the list of ${list} does not end`);
  return { lines, rest: `{"${list}":[${text.slice(at)}` };
}

/** `{"event":<line>,…}`: the line, and the answer with null in its place. */
export function cutEvent(text: string): { line: string; rest: string } {
  const head = '{"event":';
  if (!text.startsWith(head)) throw new SyntaxError(`the answer does not begin with ${head}`);
  const end = endOfValue(text, head.length);
  return { line: text.slice(head.length, end), rest: `${head}null${text.slice(end)}` };
}

/** The stored bytes of a line: it without `chain`, which is its last member and not part of the record. */
export function recordOf(line: string): string {
  const at = line.lastIndexOf(',"chain":{');
  if (at === -1) throw new SyntaxError('the event has no chain member');
  return `${line.slice(0, at)}}`;
}
