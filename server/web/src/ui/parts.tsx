/** Small parts that every page is made of. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Problem } from '../api/client';
import type { Actor } from '../api/types';
import { ago, stamp } from '../time/time';
import { Icon, type IconName } from './icon';

/** What was just done, for everyone to see and for screen readers to say. */
const said = signal<{ text: string; undo: (() => void) | null }>({ text: '', undo: null });
let saidTimer: ReturnType<typeof setTimeout> | undefined;

/** What can be undone stays long enough to be read and reached. */
export function say(text: string, undo: (() => void) | null = null): void {
  said.value = { text, undo };
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => (said.value = { text: '', undo: null }), undo ? 12_000 : 5000);
}

/** Waits for a change, and says that it is made, or why not. */
export async function attempt(work: Promise<unknown>, done: string): Promise<void> {
  try {
    await work;
    say(done);
  } catch (problem) {
    say((problem as Error).message);
  }
}

export function Toast() {
  const { text, undo } = said.value;
  return (
    <div class="toast-place" role="status" aria-live="polite">
      {text !== '' && (
        <div class="toast">
          {text}
          {undo && (
            <button
              type="button"
              onClick={() => {
                said.value = { text: '', undo: null };
                undo();
              }}
            >
              Undo
            </button>
          )}
        </div>
      )}
    </div>
  );
}

export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    // Not allowed outside of https and localhost: the old way still works there.
    const box = document.createElement('textarea');
    box.value = text;
    box.className = 'offscreen';
    document.body.append(box);
    box.select();
    const done = document.execCommand('copy');
    box.remove();
    say(done ? `${what} copied` : 'The browser refused to copy');
  }
}

interface ButtonProps {
  icon?: IconName;
  label: string;
  /** Only the icon is seen; the label is its name. */
  bare?: boolean;
  primary?: boolean;
  pressed?: boolean;
  disabled?: boolean;
  danger?: boolean;
  filled?: boolean;
  expanded?: boolean;
  title?: string;
  onClick: (event: MouseEvent) => void;
}

export function Button({
  icon,
  label,
  bare,
  primary,
  pressed,
  disabled,
  danger,
  filled,
  expanded,
  title,
  onClick,
}: ButtonProps) {
  const kind = `button${bare ? ' bare' : ''}${primary ? ' primary' : ''}${danger ? ' danger' : ''}`;
  return (
    <button
      type="button"
      class={kind}
      aria-label={bare ? label : undefined}
      title={title ?? (bare ? label : undefined)}
      aria-pressed={pressed}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
    >
      {icon && <Icon name={icon} filled={filled === true} />}
      {!bare && <span>{label}</span>}
    </button>
  );
}

/** What is large is put together only when it is copied. */
export function CopyButton({ text, what }: { text: string | (() => string); what: string }) {
  return (
    <Button
      bare
      icon="copy"
      label={`Copy ${what.toLowerCase()}`}
      onClick={() => void copy(typeof text === 'string' ? text : text(), what)}
    />
  );
}

/** A button that opens a small panel; Escape, a click elsewhere and a choice close it. */
export function Menu(props: {
  icon?: IconName;
  label: string;
  bare?: boolean;
  title?: string;
  wide?: boolean;
  align?: 'start' | 'end';
  children: (close: () => void) => ComponentChildren;
}) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const close = () => {
    setOpen(false);
    root.current?.querySelector('button')?.focus();
  };
  useLayoutEffect(() => {
    if (!open) return undefined;
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    // What had the focus may be gone from the panel, as a row that was taken out: Escape is then the page's.
    const lost = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.target !== document.body) return;
      event.stopImmediatePropagation();
      close();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    document.addEventListener('keydown', lost, true);
    root.current?.querySelector<HTMLElement>('.menu-panel :is(input, button, a)')?.focus();
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
      document.removeEventListener('keydown', lost, true);
    };
  }, [open]);
  return (
    <div
      class="menu"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button
        type="button"
        class={`button${props.bare ? ' bare' : ''}`}
        aria-expanded={open}
        aria-haspopup="dialog"
        aria-label={props.bare ? props.label : undefined}
        title={props.title ?? (props.bare ? props.label : undefined)}
        onClick={() => setOpen(!open)}
      >
        {props.icon && <Icon name={props.icon} />}
        {!props.bare && <span class="menu-label">{props.label}</span>}
        {!props.bare && <Icon name="down" size={12} />}
      </button>
      {open && (
        <div
          class={`menu-panel ${props.align ?? 'start'}${props.wide ? ' wide' : ''}`}
          role="dialog"
          aria-label={props.label}
        >
          {props.children(close)}
        </div>
      )}
    </div>
  );
}

export function MenuItem(props: {
  icon?: IconName;
  label: string;
  detail?: string;
  on?: boolean;
  onClick: () => void;
}) {
  return (
    <button type="button" class="menu-item" aria-pressed={props.on} onClick={props.onClick}>
      {props.icon && <Icon name={props.icon} />}
      <span>{props.label}</span>
      {props.detail !== undefined && <span class="quiet">{props.detail}</span>}
    </button>
  );
}

/** Why a panel has nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** What a panel shows in place of its answer when that failed. */
export function Failed({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  return (
    <div class="failed" role="alert">
      <Icon name="errors" />
      <div>
        <p>{problem.message}</p>
        {problem.body.request_id !== undefined && (
          <p class="quiet small">Request {problem.body.request_id}</p>
        )}
        {onRetry && <Button icon="refresh" label="Try again" onClick={onRetry} />}
      </div>
    </div>
  );
}

export function Status({ value }: { value: string }) {
  return (
    <span class={`status ${value}`}>
      <i aria-hidden="true" />
      {value}
    </span>
  );
}

/** A moment: exact on the face, how long ago when pointed at. `short` leaves out the year, where there is no room. */
export function Time({
  value,
  precision = 's',
}: {
  value: string;
  precision?: 's' | 'ms' | 'all' | 'short';
}) {
  return (
    <time dateTime={value} title={`${value} · ${ago(value)}`}>
      {precision === 'short' ? stamp(value, 's').slice(5) : stamp(value, precision)}
    </time>
  );
}

export function Ago({ value }: { value: string }) {
  return (
    <time dateTime={value} title={stamp(value, 's')}>
      {ago(value)}
    </time>
  );
}

export function Busy({ label }: { label: string }) {
  return (
    <div class="busy" role="status">
      <span class="spinner" aria-hidden="true" />
      {label}
    </div>
  );
}

// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

/**
 * Text that others wrote. Characters that cannot be seen, or that turn the text around, are shown by their number, and
 * the rest is kept apart from the text beside it.
 */
export function Foreign({ text }: { text: string }) {
  if (!INVISIBLE.test(text)) return <bdi>{text}</bdi>;
  const parts: ComponentChildren[] = [];
  let plain = '';
  for (const char of text) {
    if (!INVISIBLE.test(char)) {
      plain += char;
      continue;
    }
    parts.push(
      plain,
      <span class="codepoint">{`U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`}</span>,
    );
    plain = '';
  }
  return (
    <bdi>
      {parts}
      {plain}
    </bdi>
  );
}

/** A sentence of the server's, in which what is to be typed stands between backticks. */
export function Coded({ text }: { text: string }) {
  return <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>;
}

/** What people know an actor by. */
export function actorName(actor: Actor): string {
  return actor.email ?? actor.name ?? actor.id ?? actor.type;
}

export function Who({ actor }: { actor: Actor }) {
  return <Foreign text={actorName(actor)} />;
}
