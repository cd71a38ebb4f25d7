/** Keys of the whole page. */
import { useLayoutEffect } from 'preact/hooks';

/** Not a browser's own shortcut, and not typed into a field. */
function meant(event: KeyboardEvent): boolean {
  return !(
    event.defaultPrevented ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    (event.target as HTMLElement).matches('input, textarea, select, [contenteditable]')
  );
}

/**
 * Hears keys from the moment a part is on the page until it has left it. An ordinary effect runs only after the next
 * frame: a key struck as soon as something is seen would be lost. What lies under an open dialog hears nothing, unless
 * it asks to.
 */
export function useKeys(
  hear: (event: KeyboardEvent) => void,
  inputs: readonly unknown[] = [],
  under: 'silent' | 'hears' = 'silent',
): void {
  useLayoutEffect(() => {
    const keys = (event: KeyboardEvent) => {
      if (!meant(event) || (under === 'silent' && document.querySelector('dialog[open]'))) return;
      hear(event);
    };
    document.addEventListener('keydown', keys);
    return () => document.removeEventListener('keydown', keys);
  }, inputs);
}
