/** What a resource was at a time, and the changes that made it so. */
import { useState } from 'preact/hooks';
import { ask, askText } from '../api/client';
import type { Facets, LogEvent } from '../api/types';
import { changesOf } from '../event/changes';
import { LongText } from '../event/tree';
import { cutLines } from '../json/lines';
import { member, pretty, readJson, textOf, type Json } from '../json/read';
import { clauseFor } from '../query/edit';
import { change, follow, go, href, param } from '../state/route';
import { count, stamp } from '../time/time';
import { Button, CopyButton, Empty, Foreign, Time, Who } from '../ui/parts';
import { PageFrame, Panel, useAsk } from './frame';

const CHANGES_MAX = 1000;

interface History {
  lines: string[];
  state: Json;
  more: boolean;
}

async function history(type: string, id: string, at: string, aborted: AbortSignal): Promise<History> {
  const path = `v1/resources/${encodeURIComponent(type)}/${encodeURIComponent(id)}/history`;
  const text = await askText(path, { limit: CHANGES_MAX, ...(at === '' ? {} : { at }) }, aborted);
  const cut = cutLines(text, 'changes');
  const rest = readJson(cut.rest);
  return {
    lines: cut.lines,
    state: member(rest, 'state') ?? { kind: 'null' },
    more: member(rest, 'next_cursor')?.kind === 'string',
  };
}

function Finder() {
  const [type, setType] = useState(param('type'));
  const [id, setId] = useState(param('id'));
  return (
    <form
      class="finder"
      onSubmit={(event) => {
        event.preventDefault();
        if (type.trim() !== '' && id.trim() !== '') go('resources', { type: type.trim(), id: id.trim() });
      }}
    >
      <label>
        Type
        <input value={type} placeholder="agent" onInput={(event) => setType(event.currentTarget.value)} />
      </label>
      <label>
        ID
        <input value={id} placeholder="agt_42" onInput={(event) => setId(event.currentTarget.value)} />
      </label>
      <button type="submit" class="button primary">
        Show history
      </button>
    </form>
  );
}

function Start() {
  const types = useAsk('types', (aborted) =>
    ask<Facets>('v1/facets', { q: '@changes:*', fields: 'resource_type', top: 50 }, aborted),
  );
  const [type, setType] = useState('');
  const names = types.question.data.value?.facets['resource_type']?.values ?? [];
  const first = names[0]?.value;
  const chosen = type || (typeof first === 'string' ? first : '');
  const ids = useAsk(chosen, (aborted) =>
    chosen === ''
      ? Promise.resolve<Facets>({ facets: {}, matched: 0, took_us: 0 })
      : ask<Facets>(
          'v1/facets',
          { q: '@changes:*', resource_type: chosen, fields: 'resource_id', top: 60 },
          aborted,
        ),
  );
  return (
    <div class="two narrow-first">
      <Panel title="Types with changes" asked={types}>
        {() =>
          names.length === 0 ? (
            <Empty title="No event carries metadata.changes">
              <p>Send before and after states in metadata.changes.before and .after to see histories here.</p>
            </Empty>
          ) : (
            <ul class="pick">
              {names.map((each) => (
                <li key={String(each.value)}>
                  <button
                    type="button"
                    aria-pressed={String(each.value) === chosen}
                    onClick={() => setType(String(each.value))}
                  >
                    <Foreign text={String(each.value)} />
                    <span class="facet-count">{count(each.count)}</span>
                  </button>
                </li>
              ))}
            </ul>
          )
        }
      </Panel>
      <Panel title={chosen === '' ? 'Resources' : `Most changed: ${chosen}`} asked={ids}>
        {(answer) => (
          <ul class="pick columns">
            {(answer.facets['resource_id']?.values ?? []).map((each) => (
              <li key={String(each.value)}>
                <a href={href('resources', { type: chosen, id: String(each.value) })} onClick={follow}>
                  <Foreign text={String(each.value)} />
                  <span class="facet-count">{count(each.count)}</span>
                </a>
              </li>
            ))}
          </ul>
        )}
      </Panel>
    </div>
  );
}

function ChangeItem({ line, now }: { line: string; now: boolean }) {
  const event = JSON.parse(line) as LogEvent;
  const metadata = member(readJson(line), 'metadata');
  const side = (name: string) => {
    const found = member(metadata, 'changes', name);
    return found === undefined || found.kind === 'null' ? null : found;
  };
  const changed = changesOf(side('before'), side('after')).filter((each) => each.kind !== 'same');
  return (
    <li class={`history-item${now ? ' now' : ''}`}>
      <p>
        <a
          href={href('log', {
            event: event.event_id,
            from: 'all',
            q: clauseFor('resource.id', event.resource.id),
          })}
          onClick={follow}
        >
          <Time value={event.timestamp} precision="ms" />
        </a>{' '}
        <b>{event.event_type}</b> <span class="quiet">by</span> <Who actor={event.actor} />
      </p>
      <ul class="mini-diff">
        {changed.slice(0, 12).map((each) => (
          <li key={each.path.join('\u0000')}>
            <span class="mono">
              <Foreign text={each.path.join('.') || '(whole)'} />
            </span>{' '}
            {each.before && (
              <del>
                <LongText text={textOf(each.before)} />
              </del>
            )}{' '}
            {each.after && (
              <ins>
                <LongText text={textOf(each.after)} />
              </ins>
            )}
          </li>
        ))}
        {changed.length > 12 && <li class="quiet">{count(changed.length - 12)} more</li>}
      </ul>
    </li>
  );
}

function Resource({ type, id }: { type: string; id: string }) {
  const at = param('at');
  const all = useAsk(JSON.stringify([type, id]), (aborted) => history(type, id, '', aborted));
  const then = useAsk(JSON.stringify([type, id, at]), (aborted) => history(type, id, at, aborted));
  const lines = all.question.data.value?.lines ?? [];
  // Oldest first, as on the slider.
  const times = lines.map((line) => (JSON.parse(line) as LogEvent).timestamp).reverse();
  const found =
    at === '' ? times.length - 1 : times.findLastIndex((each) => Date.parse(each) <= Date.parse(at));
  const point = Math.max(0, found);
  const state = then.question.data.value?.state;
  return (
    <>
      <p class="only">
        <code>
          <Foreign text={`${type}/${id}`} />
        </code>
        <a
          href={href('log', {
            q: `${clauseFor('resource.type', type)} ${clauseFor('resource.id', id)}`,
            from: 'all',
          })}
          onClick={follow}
        >
          All its events
        </a>
        <a href={href('resources')} onClick={follow}>
          Other resources
        </a>
      </p>
      {times.length > 1 && (
        <div class="slider">
          <label for="slider">
            State at <b>{stamp(times[point] ?? '', 'ms')}</b>{' '}
            <span class="quiet">
              change {point + 1} of {times.length}
            </span>
          </label>
          <div class="row">
            <Button
              bare
              icon="left"
              label="Change before"
              disabled={point === 0}
              onClick={() => change({ at: times[point - 1] ?? '' }, 'replace')}
            />
            <input
              id="slider"
              type="range"
              min={0}
              max={times.length - 1}
              value={point}
              aria-valuetext={stamp(times[point] ?? '', 's')}
              onInput={(event) => {
                const to = Number(event.currentTarget.value);
                change({ at: to === times.length - 1 ? '' : (times[to] ?? '') }, 'replace');
              }}
            />
            <Button
              bare
              icon="right"
              label="Change after"
              disabled={point >= times.length - 1}
              onClick={() => change({ at: times[point + 1] ?? '' }, 'replace')}
            />
          </div>
        </div>
      )}
      <div class="two">
        <Panel
          title="State"
          asked={then}
          tools={state && <CopyButton text={() => pretty(state)} what="State" />}
        >
          {(answer) =>
            answer.state.kind === 'null' ? (
              <Empty
                title={answer.lines.length === 0 ? 'No change is known' : 'It does not exist at this time'}
              >
                <p>
                  {answer.lines.length === 0
                    ? 'No event of this resource carries metadata.changes.'
                    : 'The latest change deleted it.'}
                </p>
              </Empty>
            ) : (
              <pre class="json" tabIndex={0} aria-label="State">
                <Foreign text={pretty(answer.state)} />
              </pre>
            )
          }
        </Panel>
        <Panel title="Changes" asked={all}>
          {(answer) =>
            answer.lines.length === 0 ? (
              <Empty title="No changes" />
            ) : (
              <>
                <ol class="history">
                  {answer.lines.slice(0, 200).map((line, i) => (
                    <ChangeItem key={line} line={line} now={answer.lines.length - 1 - i === point} />
                  ))}
                </ol>
                {(answer.more || answer.lines.length > 200) && (
                  <p class="quiet small">Earlier changes are in the activity log.</p>
                )}
              </>
            )
          }
        </Panel>
      </div>
    </>
  );
}

export function ResourcesPage() {
  const [type, id] = [param('type'), param('id')];
  const named = type !== '' && id !== '';
  return (
    <PageFrame
      title="Resources"
      lead="How a resource came to be what it is: every change, and the state at any time."
      tools={<Finder key={`${type}/${id}`} />}
    >
      {named ? <Resource key={`${type}/${id}`} type={type} id={id} /> : <Start />}
    </PageFrame>
  );
}
