/** What the browser says of the screen and of the person's choices, as signals. */
import { signal, type ReadonlySignal } from '@preact/signals';

function media(query: string): ReadonlySignal<boolean> {
  const list = globalThis.matchMedia(query);
  const now = signal(list.matches);
  list.addEventListener('change', () => (now.value = list.matches));
  return now;
}

export const narrow = media('(max-width: 860px)');
export const dark = media('(prefers-color-scheme: dark)');
