/** One event, beside the list. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { askText, url } from '../api/client';
import { Question } from '../api/question';
import type { LogEvent } from '../api/types';
import { recordOf } from '../json/lines';
import { member, pretty, readJson, textOf, type Json } from '../json/read';
import { RestoreLink } from '../log/gaps';
import { rows, setQuery } from '../log/state';
import { open } from '../log/table';
import { change, follow, href } from '../state/route';
import { ago, count } from '../time/time';
import { Icon } from '../ui/icon';
import { useKeys } from '../ui/keys';
import {
  Busy,
  Button,
  copy,
  CopyButton,
  Failed,
  Foreign,
  Menu,
  MenuItem,
  Status,
  Time,
  Who,
} from '../ui/parts';
import { changesOf } from './changes';
import { ProofView } from './proof-view';
import { Related } from './related';
import { framesOf, stackOf } from './stack';
import { LongText, Tree, ValueTools } from './tree';

type Tab = 'overview' | 'changes' | 'stack' | 'related' | 'json' | 'proof';

const AROUND_MS = 5 * 60_000;

/** The list of everything five minutes around the event, with it open. */
function context(event: LogEvent): void {
  const at = Date.parse(event.timestamp);
  const end = (by: number) => new Date(at + by).toISOString();
  setQuery('', { from: end(-AROUND_MS), to: end(AROUND_MS), order: '', event: event.event_id });
}

function permalink(event: LogEvent): string {
  return new URL(href('log', { event: event.event_id }), location.href).href;
}

function Fact({
  name,
  field,
  value,
  children,
}: {
  name: string;
  field?: string;
  value: string | undefined;
  children?: ComponentChildren;
}) {
  if (value === undefined || value === '') return null;
  return (
    <>
      <dt>{name}</dt>
      <dd class="fact">
        {children ?? <LongText text={value} />}
        {field === undefined ? (
          <span class="value-tools">
            <CopyButton text={value} what={name} />
          </span>
        ) : (
          <ValueTools field={field} value={value} />
        )}
      </dd>
    </>
  );
}

function Overview({ event, metadata }: { event: LogEvent; metadata: Json }) {
  const { actor, resource } = event;
  return (
    <>
      {event.schema_errors && event.schema_errors.length > 0 && (
        <div class="note">
          <p>The metadata does not fit the schema of its type:</p>
          <ul>
            {event.schema_errors.map((each) => (
              <li key={each.pointer + each.detail}>
                <code>{each.pointer}</code> {each.detail}
              </li>
            ))}
          </ul>
        </div>
      )}
      <h3>Envelope</h3>
      <dl class="facts">
        <Fact name="Event ID" value={event.event_id} field="event_id" />
        <Fact name="Timestamp" value={event.timestamp}>
          <span>
            <Time value={event.timestamp} precision="all" /> <span class="quiet">{ago(event.timestamp)}</span>
          </span>
        </Fact>
        <Fact name="Event type" value={event.event_type} field="event_type" />
        <Fact name="Category" value={event.category} field="category" />
        <Fact name="Action" value={event.action} field="action" />
        <Fact name="Status" value={event.status} field="status">
          <Status value={event.status} />
        </Fact>
        <Fact name="Actor type" value={actor.type} field="actor.type" />
        <Fact name="Actor ID" value={actor.id} field="actor.id" />
        <Fact name="Actor e-mail" value={actor.email} field="actor.email" />
        <Fact name="Actor name" value={actor.name} field="actor.name" />
        <Fact name="IP address" value={actor.ip_address} field="actor.ip_address" />
        <Fact name="User agent" value={actor.user_agent} />
        <Fact name="Resource type" value={resource.type} field="resource.type" />
        <Fact name="Resource ID" value={resource.id} field="resource.id">
          <a href={href('resources', { type: resource.type, id: resource.id })} onClick={follow}>
            <Foreign text={resource.id} />
          </a>
        </Fact>
        <Fact name="Resource name" value={resource.name} field="resource.name" />
      </dl>
      <h3>
        Metadata <CopyButton text={() => textOf(metadata)} what="Metadata" />
      </h3>
      <Tree json={metadata} />
    </>
  );
}

function Side({ value }: { value: Json | null }) {
  if (!value) return null;
  const nested = value.kind === 'object' || value.kind === 'array';
  return <LongText text={nested ? pretty(value) : textOf(value)} />;
}

function Changes({ metadata }: { metadata: Json }) {
  const [unchanged, setUnchanged] = useState(false);
  const side = (name: string) => {
    const found = member(metadata, 'changes', name);
    return found === undefined || found.kind === 'null' ? null : found;
  };
  const all = changesOf(side('before'), side('after'));
  const shown = all.filter((each) => unchanged || each.kind !== 'same');
  return (
    <>
      <table class="diff">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((each) => (
            <tr key={each.path.join('\u0000')} class={each.kind}>
              <th scope="row">
                <Foreign text={each.path.join('.') || '(whole)'} />
                <span class="tag">{each.kind === 'same' ? 'unchanged' : each.kind}</span>
              </th>
              {(['before', 'after'] as const).map((name) => (
                <td key={name} class={name}>
                  <Side value={each[name]} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length === 0 && <p class="quiet">Before and after are the same.</p>}
      {all.some((each) => each.kind === 'same') && (
        <label class="check">
          <input type="checkbox" checked={unchanged} onChange={() => setUnchanged(!unchanged)} /> Show what
          did not change
        </label>
      )}
    </>
  );
}

export function StackView({ stack }: { stack: string }) {
  const [libraries, setLibraries] = useState(true);
  const frames = framesOf(stack);
  return (
    <>
      <div class="row">
        <CopyButton text={stack} what="Stack trace" />
        {frames.some((each) => each.kind === 'library') && (
          <label class="check">
            <input type="checkbox" checked={libraries} onChange={() => setLibraries(!libraries)} /> Frames of
            libraries
          </label>
        )}
      </div>
      <pre class="stack" tabIndex={0} aria-label="Stack trace">
        {frames
          .filter((each) => libraries || each.kind !== 'library')
          .map((each, i) => (
            <span key={i} class={each.kind}>
              <Foreign text={each.text} />
              {'\n'}
            </span>
          ))}
      </pre>
    </>
  );
}

function Tabs({ tabs, now, onChoose }: { tabs: [Tab, string][]; now: Tab; onChoose: (tab: Tab) => void }) {
  const step = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const at = tabs.findIndex(([each]) => each === now);
    const next = tabs[(at + by + tabs.length) % tabs.length];
    if (!next) return;
    onChoose(next[0]);
    document.getElementById(`tab-${next[0]}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Parts of the event" onKeyDown={step}>
      {tabs.map(([id, label]) => (
        <button
          key={id}
          id={`tab-${id}`}
          type="button"
          role="tab"
          aria-selected={id === now}
          aria-controls="tab-panel"
          tabIndex={id === now ? 0 : -1}
          onClick={() => onChoose(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

/** The chosen part stays chosen from one event to the next. */
let lastTab: Tab = 'overview';

/** More than this is shown only when it is wanted: a megabyte would hold up the page. */
const JSON_SHOWN = 400_000;
const LINE_SHOWN = 10_000;
/** Lines that are laid out together, when they are about to be seen. */
const LINES_TOGETHER = 60;

/** Its beginning, and that of each line. */
function shortened(text: string): string {
  const cut = (line: string) => (line.length > LINE_SHOWN ? `${line.slice(0, LINE_SHOWN)}…` : line);
  return text.split('\n').map(cut).join('\n').slice(0, JSON_SHOWN);
}

/** The text in pieces of some lines each. */
function pieces(text: string): string[] {
  const lines = text.split('\n');
  return Array.from({ length: Math.ceil(lines.length / LINES_TOGETHER) }, (_, i) =>
    lines.slice(i * LINES_TOGETHER, (i + 1) * LINES_TOGETHER).join('\n'),
  );
}

function JsonText({ json }: { json: Json }) {
  const text = useMemo(() => pretty(json), [json]);
  const short = useMemo(() => shortened(text), [text]);
  const [all, setAll] = useState(short === text);
  return (
    <>
      <pre class="json" tabIndex={0} aria-label="Event as JSON">
        {pieces(all ? text : short).map((piece, i) => (
          <span key={i} class="json-piece">
            <Foreign text={piece} />
          </span>
        ))}
      </pre>
      {!all && <Button label={`Show all ${count(text.length)} characters`} onClick={() => setAll(true)} />}
    </>
  );
}

function Opened({ line }: { line: string }) {
  const [tab, setTab] = useState<Tab>(lastTab);
  const event = useMemo(() => JSON.parse(line) as LogEvent, [line]);
  const json = useMemo(() => readJson(line), [line]);
  const metadata = member(json, 'metadata') ?? { kind: 'object', members: [] };
  const stack = stackOf(metadata);
  const changes = member(metadata, 'changes');
  const tabs: [Tab, string][] = [
    ['overview', 'Overview'],
    ...(changes?.kind === 'object' ? ([['changes', 'Changes']] as [Tab, string][]) : []),
    ...(stack === null ? [] : ([['stack', 'Stack trace']] as [Tab, string][])),
    ['related', 'Related'],
    ['json', 'JSON'],
    ['proof', 'Proof'],
  ];
  const now = tabs.some(([each]) => each === tab) ? tab : 'overview';
  const choose = (next: Tab) => {
    lastTab = next;
    setTab(next);
  };
  const target = new URL(url(`v1/events/${encodeURIComponent(event.event_id)}`), location.href).href;
  return (
    <>
      <div class="drawer-summary">
        <h2>{event.event_type}</h2>
        <p>
          <Status value={event.status} /> <span class="tag">{event.category}</span>
        </p>
        <p class="sentence">
          <Foreign text={event.action} /> <span class="quiet">of {event.resource.type}</span>{' '}
          <b>
            <Foreign text={event.resource.name ?? event.resource.id} />
          </b>{' '}
          <span class="quiet">by</span>{' '}
          <b>
            <Who actor={event.actor} />
          </b>
        </p>
        <div class="row">
          <Button
            icon="target"
            label="Context"
            title="Everything five minutes around this event"
            onClick={() => context(event)}
          />
          <Button
            icon="link"
            label="Permalink"
            title="Copy permalink (p)"
            onClick={() => void copy(permalink(event), 'Permalink')}
          />
          <Menu icon="copy" label="Copy as">
            {(close) => (
              <div class="menu-list">
                {(
                  [
                    ['JSON', recordOf(line)],
                    ['JSON line with chain', line],
                    ['curl', `curl -sS -H "Authorization: Bearer $STELE_API_KEY" '${target}'`],
                    ['stele command', `stele get '${event.event_id}'`],
                  ] as const
                ).map(([label, text]) => (
                  <MenuItem
                    key={label}
                    label={label}
                    onClick={() => {
                      void copy(text, label);
                      close();
                    }}
                  />
                ))}
              </div>
            )}
          </Menu>
        </div>
      </div>
      <Tabs tabs={tabs} now={now} onChoose={choose} />
      <div class="drawer-body" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${now}`} tabIndex={0}>
        {now === 'overview' && <Overview event={event} metadata={metadata} />}
        {now === 'changes' && <Changes metadata={metadata} />}
        {now === 'stack' && stack !== null && <StackView stack={stack} />}
        {now === 'related' && <Related event={event} />}
        {now === 'json' && (
          <>
            <Button icon="copy" label="Copy" onClick={() => void copy(line, 'JSON')} />
            <JsonText json={json} />
          </>
        )}
        {now === 'proof' && <ProofView event={event} />}
      </div>
    </>
  );
}

export function Drawer({ id }: { id: string }) {
  const [question] = useState(() => new Question<string>());
  const inList = rows.list[rows.indexOf(id)]?.line;
  const run = () =>
    void question.run(async (aborted) =>
      (await askText(`v1/events/${encodeURIComponent(id)}`, {}, aborted)).trimEnd(),
    );
  useEffect(() => {
    if (inList === undefined) run();
    else question.data.value = inList;
    return () => question.stop();
  }, [id]);
  useKeys(
    (event) => {
      if (event.key === 'Escape') change({ event: '' });
      else if (event.key === 'p')
        void copy(new URL(href('log', { event: id }), location.href).href, 'Permalink');
    },
    [id],
  );
  void rows.version.value;
  const at = rows.indexOf(id);
  const neighbour = (by: number) => (at === -1 ? undefined : rows.list[at + by]);
  const line = question.data.value;
  return (
    <section class="drawer" aria-label="Event">
      <header class="drawer-head">
        <Button
          bare
          icon="up"
          label="Previous in the list (k)"
          disabled={!neighbour(-1)}
          onClick={() => open(neighbour(-1)?.event.event_id ?? id)}
        />
        <Button
          bare
          icon="down"
          label="Next in the list (j)"
          disabled={!neighbour(1)}
          onClick={() => open(neighbour(1)?.event.event_id ?? id)}
        />
        <span class="grow" />
        <Button bare icon="close" label="Close (Esc)" onClick={() => change({ event: '' })} />
      </header>
      {question.busy.value && line === null && <Busy label="Reading the event" />}
      {question.problem.value &&
        (question.problem.value.status === 404 ? (
          <div class="empty">
            <p class="empty-title">
              <Icon name="file" /> No event has this id
            </p>
            <p class="mono wrap">
              <Foreign text={id} />
            </p>
          </div>
        ) : (
          <>
            <Failed problem={question.problem.value} onRetry={run} />
            {question.problem.value.code === 'archived' && (
              <p class="drawer-note">
                <RestoreLink gaps={question.problem.value.body.archived ?? []} />
              </p>
            )}
          </>
        ))}
      {line !== null && <Opened line={line} />}
    </section>
  );
}
