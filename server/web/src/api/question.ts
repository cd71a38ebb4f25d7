/** One question whose answer a panel shows: the newest asking wins, older ones are aborted and never shown. */
import { signal } from '@preact/signals';
import { Problem } from './client';

export class Question<T> {
  readonly data = signal<T | null>(null);
  readonly problem = signal<Problem | null>(null);
  readonly busy = signal(false);
  #running: AbortController | null = null;

  async run(work: (aborted: AbortSignal) => Promise<T>): Promise<void> {
    this.#running?.abort();
    const mine = new AbortController();
    this.#running = mine;
    this.busy.value = true;
    try {
      const found = await work(mine.signal);
      if (this.#running !== mine) return;
      this.data.value = found;
      this.problem.value = null;
    } catch (fault) {
      if (this.#running !== mine || mine.signal.aborted) return;
      this.problem.value =
        fault instanceof Problem
          ? fault
          : new Problem(-1, { detail: `The answer cannot be read: ${String(fault)}` });
    }
    this.busy.value = false;
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.busy.value = false;
  }

  clear(): void {
    this.stop();
    this.data.value = null;
    this.problem.value = null;
  }
}
