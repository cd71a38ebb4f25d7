/** The query: coloured as it is read, completed, its fault underlined where the server found it. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { complete, type Suggestion } from '../query/complete';
import { lex } from '../query/lex';
import { pastQueries, rememberQuery } from '../state/prefs';
import { rangeParams } from '../time/time';
import { Icon } from '../ui/icon';
import { useKeys } from '../ui/keys';
import { Button, Coded } from '../ui/parts';
import { knownPaths } from './paths';
import { draft, own, query, range, rows, setQuery, type } from './state';

/** What completes the text, and the text that it was made for: more may have been typed since. */
const suggestions = signal<{ of: string; list: Suggestion[] }>({ of: '', list: [] });

interface Fault {
  start: number;
  end: number;
}

/** Positions of the server count characters; those of the text here count UTF-16 units. */
export function toUnits(text: string, position: number): number {
  let units = 0;
  let left = position;
  for (const char of text) {
    if (left-- <= 0) break;
    units += char.length;
  }
  return units;
}

function faultIn(text: string): Fault | null {
  const body = rows.first.problem.value?.body;
  if (body?.position === undefined || query.value !== text) return null;
  const start = toUnits(text, body.position);
  return { start, end: Math.max(start + 1, toUnits(text, body.position + (body.length ?? 1))) };
}

/** The text in coloured pieces; a piece that holds a part of the fault is cut there. */
function coloured(text: string, fault: Fault | null): ComponentChildren[] {
  const pieces: { start: number; end: number; kind: string }[] = [];
  for (const token of lex(text)) {
    if (token.kind === 'clause') {
      pieces.push({ start: token.start, end: token.opStart, kind: 'field' });
      pieces.push({ start: token.opStart, end: token.valueStart, kind: 'op' });
      pieces.push({ start: token.valueStart, end: token.end, kind: 'value' });
    } else {
      pieces.push({ start: token.start, end: token.end, kind: token.kind === 'text' ? 'text' : 'word' });
    }
  }
  const cuts = new Set([0, text.length, ...pieces.flatMap((piece) => [piece.start, piece.end])]);
  if (fault) [fault.start, Math.min(fault.end, text.length)].forEach((cut) => cuts.add(cut));
  const ordered = [...cuts].filter((cut) => cut <= text.length).sort((a, b) => a - b);
  const shown = ordered.slice(0, -1).map((start, i) => {
    const end = ordered[i + 1] ?? text.length;
    const kind = pieces.find((piece) => piece.start <= start && end <= piece.end)?.kind ?? 'blank';
    const wrong = fault !== null && start >= fault.start && end <= fault.end;
    return <span class={`q-${kind}${wrong ? ' q-fault' : ''}`}>{text.slice(start, end)}</span>;
  });
  if (fault && fault.start >= text.length) shown.push(<span class="q-fault">{'\u00a0'}</span>);
  return shown;
}

/** Up to where a suggestion for an earlier text replaces the text of now; null where it has no place in it. */
export function endOf(chosen: Suggestion, of: string, now: string): number | null {
  const [head, tail] = [of.slice(0, chosen.start), of.slice(chosen.end)];
  const fits = now.startsWith(head) && now.endsWith(tail) && now.length >= head.length + tail.length;
  return fits ? now.length - tail.length : null;
}

export function QueryBox() {
  const input = useRef<HTMLTextAreaElement>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const running = useRef<AbortController | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const text = draft.value;
  const fault = faultIn(text);
  const { of, list: found } = suggestions.value;
  const list = open ? found : [];

  const suggest = (delay: number) => {
    clearTimeout(timer.current);
    running.current?.abort();
    timer.current = setTimeout(() => {
      const box = input.current;
      if (!box) return;
      const mine = new AbortController();
      running.current = mine;
      const base = { ...rangeParams(range.peek()), ...(own.peek() ? { own: true } : {}) };
      knownPaths()
        .then(async (known) => {
          const [now, cursor] = [box.value, box.selectionStart];
          const list = await complete(now, cursor, base, known, pastQueries.peek(), mine.signal);
          if (mine.signal.aborted) return;
          suggestions.value = { of: now, list };
          setActive(-1);
        })
        .catch(() => undefined);
    }, delay);
  };

  const close = () => {
    setOpen(false);
    setActive(-1);
    clearTimeout(timer.current);
    running.current?.abort();
  };

  const take = (chosen: Suggestion) => {
    const box = input.current;
    if (!box) return;
    const end = endOf(chosen, of, box.value);
    if (end !== null) {
      const head = box.value.slice(0, chosen.start) + chosen.insert;
      // At once: the next key may be struck before the next frame.
      box.value = head + box.value.slice(end);
      box.setSelectionRange(head.length, head.length);
      type(box.value);
    }
    suggest(0);
  };

  /** The first that begins as what is typed now. */
  const next = () => {
    const now = input.current?.value ?? '';
    if (now === of) return list[0];
    return list.find((each) => {
      const typed = now.slice(each.start, endOf(each, of, now) ?? each.start).toLowerCase();
      return typed !== '' && each.insert.toLowerCase().startsWith(typed);
    });
  };

  const submit = () => {
    close();
    const written = (input.current?.value ?? '').trim();
    setQuery(written);
    rememberQuery(written);
  };

  useKeys((event) => {
    if (event.key !== '/') return;
    event.preventDefault();
    input.current?.focus();
    input.current?.select();
  });

  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' && open && list.length > 0) {
      event.preventDefault();
      setActive((active + 1) % list.length);
    } else if (event.key === 'ArrowUp' && open && list.length > 0) {
      event.preventDefault();
      setActive((active <= 0 ? list.length : active) - 1);
    } else if (
      event.key === 'Tab' &&
      open &&
      list.length > 0 &&
      !event.shiftKey &&
      (active >= 0 || isPartial(text, input.current))
    ) {
      event.preventDefault();
      const chosen = active >= 0 ? list[active] : next();
      if (chosen) take(chosen);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const chosen = open ? list[active] : undefined;
      if (chosen) take(chosen);
      else submit();
    } else if (event.key === 'Escape') {
      if (open) event.stopPropagation();
      close();
    } else if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault();
      setOpen(true);
      suggest(0);
    }
  };

  useEffect(() => {
    document.getElementById(`suggestion-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  return (
    <div class={`query${fault ? ' wrong' : ''}`}>
      <Icon name="search" />
      <div class="query-text">
        <div class="query-mirror" aria-hidden="true">
          {coloured(text, fault)}
          {'\u200b'}
        </div>
        <textarea
          ref={input}
          rows={1}
          aria-label="Query"
          placeholder="Search events: words, or field:value"
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-controls="suggestions"
          aria-activedescendant={active >= 0 ? `suggestion-${active}` : undefined}
          aria-invalid={fault !== null}
          aria-describedby={fault ? 'query-fault' : undefined}
          value={text}
          onInput={(event) => {
            const flat = event.currentTarget.value.replace(/[\r\n]+/g, ' ');
            type(flat);
            setOpen(true);
            setActive(-1);
            suggest(90);
          }}
          onClick={() => {
            setOpen(true);
            suggest(0);
          }}
          onKeyDown={onKey}
          onBlur={close}
        />
      </div>
      {text !== '' && <Button bare icon="close" label="Clear the query" onClick={() => setQuery('')} />}
      <ul
        id="suggestions"
        class="suggestions"
        role="listbox"
        aria-label="Suggestions"
        hidden={list.length === 0}
      >
        {list.map((each, i) => (
          <li
            key={`${each.kind}${each.label}`}
            id={`suggestion-${i}`}
            role="option"
            aria-selected={i === active}
            onPointerDown={(event) => {
              event.preventDefault();
              take(each);
            }}
          >
            <span class={`mark ${each.kind}`} aria-hidden="true">
              {{ field: '@', value: '=', operator: '≈', word: '&', history: '↺' }[each.kind]}
            </span>
            <bdi class="suggestion-label">{each.label}</bdi>
            <span class="quiet">{each.detail}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Whether something is typed directly before the cursor, so that Tab completes rather than leaves. */
function isPartial(text: string, box: HTMLTextAreaElement | null): boolean {
  const before = text[(box?.selectionStart ?? 0) - 1];
  return before !== undefined && !/\s/.test(before);
}

/** The fault or the hints of the last answer, in words. */
export function QueryNotes() {
  const problem = rows.first.problem.value;
  if (problem?.body.position !== undefined && draft.value.trim() === query.value.trim()) {
    const { suggestion, position, length = 0, expected } = problem.body;
    const at = toUnits(query.value, position);
    const repaired =
      suggestion === null || suggestion === undefined
        ? null
        : query.value.slice(0, at) + suggestion + query.value.slice(toUnits(query.value, position + length));
    return (
      <p id="query-fault" class="query-note bad" role="status">
        Character {position + 1}: expected <Coded text={expected ?? 'something else'} />.
        {repaired !== null && (
          <button type="button" class="link" onClick={() => setQuery(repaired)}>
            Use <code>{suggestion}</code>
          </button>
        )}
      </p>
    );
  }
  const hints = problem ? [] : (rows.first.data.value?.page.hints ?? []);
  if (hints.length === 0 || query.value.trim() === '') return null;
  return (
    <p class="query-note" role="status">
      {hints.slice(0, 3).map((hint) => (
        <span key={hint.position}>
          <Coded text={hint.detail} />
          {hint.suggestion !== null && (
            <>
              {' '}
              Perhaps <code>{hint.suggestion}</code>.
            </>
          )}{' '}
        </span>
      ))}
    </p>
  );
}
