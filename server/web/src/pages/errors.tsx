/** Failures that are alike, folded. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api/client';
import { Question } from '../api/question';
import type { ErrorGroup } from '../api/types';
import { StackView } from '../event/drawer';
import { stackOf } from '../event/stack';
import { readJson } from '../json/read';
import { range } from '../log/state';
import { TimePicker } from '../log/time-picker';
import { follow, href } from '../state/route';
import { count, rangeParams } from '../time/time';
import { Icon } from '../ui/icon';
import { Ago, Busy, Button, Empty, Failed, Foreign } from '../ui/parts';
import { Spark } from '../ui/spark';
import { PageFrame } from './frame';

interface Groups {
  groups: ErrorGroup[];
  next_cursor: string | null;
  matched: number;
}

const PAGE = 50;

function Group({ group }: { group: ErrorGroup }) {
  const [open, setOpen] = useState(false);
  const stack = open ? stackOf(readJson(JSON.stringify(group.sample.metadata))) : null;
  const id = `group-${group.fingerprint}`;
  return (
    <li class="error-group">
      <button
        type="button"
        class="error-row"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        <Icon name={open ? 'down' : 'right'} size={12} />
        <span class="error-message">
          <Foreign text={group.message} />
          <span class="quiet">{group.event_type}</span>
        </span>
        <Spark values={group.sparkline} label={`${group.count} over the range of time`} />
        <b class="error-count">{count(group.count)}</b>
        <span class="quiet error-seen">
          <Ago value={group.last_seen} />
        </span>
      </button>
      {open && (
        <div class="error-detail" id={id}>
          <p>
            First <Ago value={group.first_seen} />, last <Ago value={group.last_seen} />.{' '}
            <a
              href={href('log', {
                q: `event_type=${group.event_type} status:failure`,
                event: group.sample.event_id,
                ...range.value,
              })}
              onClick={follow}
            >
              Open the latest event
            </a>
          </p>
          {stack === null ? (
            <p class="quiet">The latest event has no stack trace.</p>
          ) : (
            <StackView stack={stack} />
          )}
        </div>
      )}
    </li>
  );
}

export function ErrorsPage() {
  const [question] = useState(() => new Question<Groups>());
  const key = JSON.stringify(range.value);
  const params = (cursor?: string) => ({
    ...rangeParams(range.peek()),
    limit: PAGE,
    ...(cursor === undefined ? {} : { cursor }),
  });
  const run = () => void question.run((aborted) => ask<Groups>('v1/errors', params(), aborted));
  const more = (before: Groups) =>
    void question.run(async (aborted) => {
      const next = await ask<Groups>('v1/errors', params(before.next_cursor ?? ''), aborted);
      return { ...next, groups: [...before.groups, ...next.groups] };
    });
  useEffect(() => {
    question.clear();
    run();
    return () => question.stop();
  }, [key]);
  const answer = question.data.value;
  return (
    <PageFrame
      title="Errors"
      lead="Events with status failure, grouped by type, message and top stack frames."
      tools={<TimePicker />}
    >
      <section class="panel" aria-label="Error groups">
        <header>
          <h2>
            {answer ? `${count(answer.matched)} ${answer.matched === 1 ? 'group' : 'groups'}` : 'Groups'}
          </h2>
          <span class="quiet small">most recently seen first</span>
        </header>
        {question.problem.value && <Failed problem={question.problem.value} onRetry={run} />}
        {!answer && question.busy.value && <Busy label="Grouping" />}
        {answer?.groups.length === 0 && (
          <Empty title="No failures in this range of time">
            <p>
              Events with status failure would be here. Choose a longer range of time to see earlier ones.
            </p>
          </Empty>
        )}
        {answer && answer.groups.length > 0 && (
          <ul class="error-list">
            {answer.groups.map((group) => (
              <Group key={group.fingerprint} group={group} />
            ))}
          </ul>
        )}
        {answer && answer.next_cursor !== null && (
          <Button label="More groups" disabled={question.busy.value} onClick={() => more(answer)} />
        )}
      </section>
    </PageFrame>
  );
}
