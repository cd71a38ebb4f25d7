/**
 * Whether a pointer is pressed. A button that moves between press and release hears no click, so answers wait until it is
 * released before they change what is seen.
 */

/** A release may never be told, as where a drag ends outside. */
const LONGEST_MS = 5000;

let waiting: Promise<void> | null = null;
let release: () => void = () => undefined;

/** Scrolling by the bar goes on for long, and needs what is read on. */
function onScrollbar(event: PointerEvent): boolean {
  const { target: at } = event;
  if (!(at instanceof HTMLElement)) return false;
  return (
    (at.scrollHeight > at.clientHeight && event.offsetX > at.clientWidth) ||
    (at.scrollWidth > at.clientWidth && event.offsetY > at.clientHeight)
  );
}

function press(event: PointerEvent): void {
  if (waiting || onScrollbar(event)) return;
  waiting = new Promise((done) => (release = done));
  const end = () => {
    clearTimeout(timer);
    waiting = null;
    release();
  };
  const later = (ended: Event) => {
    // What had the focus loses it by the press: only that of the window ends it.
    if (ended.type === 'blur' && ended.target !== window) return;
    ENDS.forEach((name) => removeEventListener(name, later, true));
    // The click comes right after the release.
    setTimeout(end);
  };
  const timer = setTimeout(end, LONGEST_MS);
  ENDS.forEach((name) => addEventListener(name, later, true));
}

const ENDS = ['pointerup', 'pointercancel', 'dragend', 'blur'] as const;

addEventListener('pointerdown', press, true);

/** Waits while a pointer is pressed. */
export async function released(): Promise<void> {
  while (waiting) await waiting;
}
