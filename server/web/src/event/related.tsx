/** Other events of the same actor, resource, request and session. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api/client';
import { Question } from '../api/question';
import type { LogEvent } from '../api/types';
import { valueAt } from '../log/cells';
import { open } from '../log/table';
import { clauseFor, quoteValue } from '../query/edit';
import { follow, href } from '../state/route';
import { actorName, Busy, Failed, Foreign, Status, Time } from '../ui/parts';

interface Relation {
  label: string;
  value: string;
  q: string;
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

export function relationsOf(event: LogEvent): Relation[] {
  const found: Relation[] = [];
  const { actor, resource, metadata } = event;
  const who =
    actor.id !== undefined
      ? clauseFor('actor.id', actor.id)
      : actor.email !== undefined
        ? clauseFor('actor.email', actor.email)
        : null;
  if (who) found.push({ label: 'Same actor', value: actorName(event.actor), q: who });
  found.push({
    label: 'Same resource',
    value: resource.name ?? resource.id,
    q: `${clauseFor('resource.type', resource.type)} ${clauseFor('resource.id', resource.id)}`,
  });
  for (const [label, names] of [
    ['Same request', ['request_id', 'requestId', 'requestID', 'context.trace_id', 'trace_id']],
    ['Same session', ['session_id', 'sessionId']],
  ] as const) {
    const id = names.map((name) => text(valueAt(metadata, name))).find((each) => each !== null);
    if (id) found.push({ label, value: id, q: quoteValue(id).startsWith('"') ? quoteValue(id) : `"${id}"` });
  }
  if (actor.ip_address !== undefined)
    found.push({
      label: 'Same address',
      value: actor.ip_address,
      q: clauseFor('actor.ip_address', actor.ip_address),
    });
  return found;
}

function Group({ relation, event }: { relation: Relation; event: LogEvent }) {
  const [question] = useState(() => new Question<{ events: LogEvent[] }>());
  const run = () =>
    void question.run((aborted) => ask('v1/events', { q: relation.q, limit: 8, to: 'now+1d' }, aborted));
  useEffect(() => {
    run();
    return () => question.stop();
  }, [relation.q]);
  const others = (question.data.value?.events ?? [])
    .filter((each) => each.event_id !== event.event_id)
    .slice(0, 6);
  return (
    <section class="related">
      <h3>
        {relation.label}
        <span class="related-value">
          <Foreign text={relation.value} />
        </span>
        <a href={href('log', { q: relation.q, from: 'all' })} onClick={follow}>
          All
        </a>
      </h3>
      {question.busy.value && !question.data.value && <Busy label="Searching" />}
      {question.problem.value && <Failed problem={question.problem.value} onRetry={run} />}
      {question.data.value && others.length === 0 && <p class="quiet small">No other event.</p>}
      <ul>
        {others.map((each) => (
          <li key={each.event_id}>
            <button type="button" class="related-row" onClick={() => open(each.event_id)}>
              <Time value={each.timestamp} />
              <Status value={each.status} />
              <span>{each.event_type}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Related({ event }: { event: LogEvent }) {
  return (
    <>
      {relationsOf(event).map((each) => (
        <Group key={each.label} relation={each} event={event} />
      ))}
    </>
  );
}
