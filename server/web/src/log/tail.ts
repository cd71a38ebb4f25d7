/**
 * Follows the log: reads the server-sent events of `/v1/events/stream`, and goes on after a broken connection with the
 * last place it knows, so that nothing is missed or shown twice.
 *
 * `EventSource` is not used: it gives no status of a refusal.
 */
import { signal } from '@preact/signals';
import { call, Problem, type Params } from '../api/client';
import { released } from '../state/press';

/** While paused, lines are kept up to here; beyond, the oldest are only counted. */
const HELD_MAX = 5000;
const FLUSH_MS = 100;

export type TailState = 'closed' | 'opening' | 'open' | 'waiting';

export class Tail {
  readonly state = signal<TailState>('closed');
  readonly problem = signal<Problem | null>(null);
  /** How many came while it was paused. */
  readonly held = signal(0);
  onLines: (lines: string[]) => void = () => undefined;
  /** It is open: what was stored before is not sent. Not told when it goes on after a break, without loss. */
  onOpen: () => void = () => undefined;

  #held: string[] = [];
  #fresh: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;
  #for: string | null = null;
  #last: string | null = null;

  isFor(question: string): boolean {
    return this.#for === question;
  }

  start(question: string, params: Params): void {
    this.stop();
    this.#for = question;
    const mine = new AbortController();
    this.#running = mine;
    void this.#follow(params, mine.signal);
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.#for = null;
    this.#last = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#fresh = [];
    this.#held = [];
    this.held.value = 0;
    this.problem.value = null;
    this.state.value = 'closed';
  }

  hold(lines: string[]): void {
    this.held.value += lines.length;
    this.#held = this.#held.concat(lines).slice(-HELD_MAX);
  }

  release(): string[] {
    const lines = this.#held;
    this.#held = [];
    this.held.value = 0;
    return lines;
  }

  async #follow(params: Params, aborted: AbortSignal): Promise<void> {
    let begun = false;
    for (let attempt = 0; !aborted.aborted; attempt++) {
      this.state.value = attempt === 0 ? 'opening' : 'waiting';
      try {
        const headers = {
          accept: 'text/event-stream',
          ...(this.#last === null ? {} : { 'last-event-id': this.#last }),
        };
        const response = await call('v1/events/stream', { params, headers, signal: aborted });
        this.state.value = 'open';
        this.problem.value = null;
        if (!begun) this.onOpen();
        begun = true;
        attempt = 0;
        await this.#read(response, aborted);
      } catch (fault) {
        if (aborted.aborted) return;
        // A refusal of the question itself does not get better by asking again.
        if (fault instanceof Problem && fault.status >= 400 && fault.status < 500 && fault.status !== 429) {
          this.problem.value = fault;
          this.state.value = 'closed';
          return;
        }
      }
      if (aborted.aborted) return;
      this.state.value = 'waiting';
      await new Promise((done) => setTimeout(done, Math.min(500 * 2 ** attempt, 10_000)));
    }
  }

  async #read(response: Response, aborted: AbortSignal): Promise<void> {
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let rest = '';
    while (!aborted.aborted) {
      const { done, value } = await reader.read();
      // Stopped between the answer and here: the lines are of a question that is over.
      if (done || aborted.aborted) return;
      const text = rest + decoder.decode(value, { stream: true });
      const end = text.lastIndexOf('\n\n');
      if (end === -1) {
        rest = text;
        continue;
      }
      rest = text.slice(end + 2);
      for (const message of text.slice(0, end).split('\n\n')) this.#take(message);
    }
  }

  #take(message: string): void {
    let kind = 'message';
    let data = '';
    for (const line of message.split('\n')) {
      if (line.startsWith('data: ')) data += line.slice(6);
      else if (line.startsWith('id: ')) this.#last = line.slice(4);
      else if (line.startsWith('event: ')) kind = line.slice(7);
      else if (line.startsWith(': ')) this.#last = /after (-?\d+)$/.exec(line)?.[1] ?? this.#last;
    }
    if (kind === 'event' && data !== '') {
      this.#fresh.push(data);
      this.#timer ??= setTimeout(() => void this.#flush(), FLUSH_MS);
    }
    if (kind === 'problem') {
      const body = JSON.parse(data) as { status?: number; detail?: string };
      this.problem.value = new Problem(body.status ?? 500, body);
    }
  }

  /** Hands over what came in a tenth of a second at once: a thousand events a second are ten updates. */
  async #flush(): Promise<void> {
    await released();
    this.#timer = undefined;
    const lines = this.#fresh;
    this.#fresh = [];
    this.onLines(lines);
  }
}
