/** The events of the table: page after page by cursor, kept as text, parsed when they are shown. */
import { signal } from '@preact/signals';
import { askText, type Params } from '../api/client';
import { Question } from '../api/question';
import type { LogEvent, Page } from '../api/types';
import { cutLines } from '../json/lines';

/** A cursor belongs to its parameters, `limit` among them: all pages are of one size. */
const PAGE = 200;
/** While the log is followed, the list keeps this many. */
const LIVE_MAX = 20_000;
const PARSED_MAX = 600;

export class Row {
  constructor(readonly line: string) {}
  get event(): LogEvent {
    const known = parsed.get(this);
    if (known) return known;
    const event = JSON.parse(this.line) as LogEvent;
    if (parsed.size >= PARSED_MAX) parsed.delete(parsed.keys().next().value as Row);
    parsed.set(this, event);
    return event;
  }
}

const parsed = new Map<Row, LogEvent>();

interface Answer {
  rows: Row[];
  page: Page;
}

async function read(params: Params, aborted: AbortSignal): Promise<Answer> {
  const text = await askText('v1/events', params, aborted);
  const cut = cutLines(text, 'events');
  return { rows: cut.lines.map((line) => new Row(line)), page: JSON.parse(cut.rest) as Page };
}

export class Rows {
  /** Changes with `version`: a signal of 100,000 rows would be copied for each page. */
  list: Row[] = [];
  readonly version = signal(0);
  readonly first = new Question<Answer>();
  readonly more = new Question<Answer>();
  readonly cursor = signal<string | null>(null);
  /** Rows that were dropped at the end while the log was followed. */
  readonly dropped = signal(false);
  #params: Params = {};
  #sequences = new Set<number>();
  /** Lines that came while the list was asked for: the answer may be older than they are. */
  #early: string[] = [];

  async start(params: Params): Promise<void> {
    this.more.clear();
    if (JSON.stringify(params) !== JSON.stringify(this.#params)) this.#early = [];
    this.#params = params;
    await this.first.run(async (aborted) => {
      const answer = await read({ ...params, limit: PAGE }, aborted);
      this.list = answer.rows;
      this.#sequences.clear();
      this.dropped.value = false;
      this.cursor.value = answer.page.next_cursor;
      this.version.value++;
      return answer;
    });
    if (this.first.busy.peek()) return;
    const early = this.#early;
    this.#early = [];
    this.prepend(early);
  }

  async loadMore(): Promise<void> {
    const cursor = this.cursor.peek();
    if (cursor === null || this.more.busy.peek() || this.first.busy.peek() || this.more.problem.peek())
      return;
    await this.more.run(async (aborted) => {
      const answer = await read({ ...this.#params, limit: PAGE, cursor }, aborted);
      this.list.push(...answer.rows);
      this.cursor.value = answer.page.next_cursor;
      this.version.value++;
      return answer;
    });
  }

  retryMore(): void {
    this.more.problem.value = null;
    void this.loadMore();
  }

  /** Puts lines that were stored just now on top, newest first; those that are there already stay single. */
  prepend(lines: readonly string[]): void {
    if (lines.length === 0) return;
    if (this.first.busy.peek()) {
      this.#early.push(...lines);
      return;
    }
    if (this.#sequences.size === 0) {
      for (const row of this.list.slice(0, 1000)) this.#sequences.add(row.event.chain.sequence);
    }
    const fresh: Row[] = [];
    for (let i = lines.length - 1; i >= 0; i--) {
      const row = new Row(lines[i] as string);
      const at = Number(
        /"chain":\{"sequence":(\d+)/.exec(row.line.slice(row.line.lastIndexOf(',"chain":{')))?.[1] ?? '-1',
      );
      if (this.#sequences.has(at)) continue;
      this.#sequences.add(at);
      fresh.push(row);
    }
    this.list = fresh.concat(this.list);
    if (this.list.length > LIVE_MAX) {
      this.list.length = LIVE_MAX;
      this.cursor.value = null;
      this.dropped.value = true;
    }
    this.version.value++;
  }

  stop(): void {
    this.first.stop();
    this.more.stop();
    this.#early = [];
  }

  indexOf(eventId: string): number {
    if (eventId === '') return -1;
    const needle = `"event_id":${JSON.stringify(eventId)}`;
    return this.list.findIndex((row) => row.line.startsWith(needle, 1));
  }
}
