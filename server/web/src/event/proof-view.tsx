/** Proof of one event, computed here: nobody has to believe the server. */
import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ask, askText, Problem, url } from '../api/client';
import { Question } from '../api/question';
import type { ChainHead, LogEvent } from '../api/types';
import type { EventProof } from '../proof/event';
import { stored } from '../state/prefs';
import { follow, href } from '../state/route';
import { count } from '../time/time';
import { Icon } from '../ui/icon';
import { Busy, CopyButton, Failed, Time } from '../ui/parts';

/** The first key seen of each log: another one later is worth a word. */
const knownKeys = stored<Record<string, string>>(
  'log-keys',
  {},
  (value): value is Record<string, string> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
);

export interface Trust {
  key: string;
  state: 'first' | 'known' | 'rotated' | 'other';
}

/** Compares the log's key with the one that this browser saw first. */
export function trust(chain: ChainHead): Trust {
  const before = knownKeys.peek()[chain.origin];
  if (before === undefined) {
    knownKeys.value = { ...knownKeys.peek(), [chain.origin]: chain.key };
    return { key: chain.key, state: 'first' };
  }
  if (before === chain.key) return { key: chain.key, state: 'known' };
  return { key: chain.key, state: chain.keys.some((each) => each.key === before) ? 'rotated' : 'other' };
}

const TRUST: Record<Trust['state'], string> = {
  first: 'This browser sees this log for the first time: compare the key with the one you keep outside.',
  known: 'The same key as when this browser first saw this log.',
  rotated:
    'The log has changed its key since this browser first saw it; the log names the earlier key among its own.',
  other:
    'Not the key that this browser saw before, and the log does not name that one. Compare it with the one you keep outside.',
};

interface Answer {
  proof: EventProof;
  trust: Trust;
}

async function read(id: string, aborted: AbortSignal): Promise<Answer> {
  // The hashes and the curve are a part of the page that is read only here.
  const [{ proveEvent }, chain, text] = await Promise.all([
    import('../proof/event'),
    ask<ChainHead>('v1/chain', {}, aborted),
    askText(`v1/events/${encodeURIComponent(id)}`, { proof: true }, aborted),
  ]);
  const trusted = trust(chain);
  return { proof: proveEvent(text, trusted.key, { eventId: id }), trust: trusted };
}

export function ProofView({ event }: { event: LogEvent }) {
  const [question] = useState(() => new Question<Answer>());
  const run = () => void question.run((aborted) => read(event.event_id, aborted));
  useEffect(() => {
    run();
    return () => question.stop();
  }, [event.event_id]);
  const { chain } = event;
  const answer = question.data.value;
  const problem: Problem | null = question.problem.value;
  const hashes: [string, string][] = [
    ['Record hash', chain.hash],
    ['Previous hash', chain.previous],
    ['Salt', chain.salt],
  ];
  return (
    <div class="proof">
      {question.busy.value && !answer && <Busy label="Proving in this browser" />}
      {problem && <Failed problem={problem} onRetry={run} />}
      {answer && (
        <div
          class={`verdict ${answer.proof.proved && answer.trust.state !== 'other' ? 'ok' : 'bad'}`}
          role="status"
        >
          <Icon name={answer.proof.proved ? 'integrity' : 'errors'} size={20} />
          <div>
            <p class="verdict-title">
              {answer.proof.proved ? 'In the log, unaltered: verified in this browser' : 'Not proved'}
            </p>
            <ol>
              {answer.proof.steps.map((step) => (
                <li key={step.what} class={step.state}>
                  <Icon name={step.state === 'ok' ? 'check' : 'close'} size={14} />
                  <span>{step.what}</span>
                  <span class="quiet mono wrap">{step.detail}</span>
                </li>
              ))}
            </ol>
            <p class="quiet small">{TRUST[answer.trust.state]}</p>
          </div>
        </div>
      )}
      <dl class="facts">
        <dt>Sequence</dt>
        <dd>{count(chain.sequence)}</dd>
        <dt>Stored at</dt>
        <dd>
          <Time value={chain.committed_at} precision="all" />
        </dd>
        {hashes.map(([name, hash]) => (
          <Fragment key={name}>
            <dt>
              {name} <CopyButton text={hash} what={name} />
            </dt>
            <dd class="mono wrap">
              {hash}{' '}
              {name === 'Previous hash' && chain.sequence > 0 && (
                <a
                  class="small"
                  href={href('log', { q: `sequence:${chain.sequence - 1}`, from: 'all', own: 'true' })}
                  onClick={follow}
                >
                  event {count(chain.sequence - 1)}
                </a>
              )}
            </dd>
          </Fragment>
        ))}
        {answer && (
          <>
            <dt>
              Verifier key <CopyButton text={answer.trust.key} what="Verifier key" />
            </dt>
            <dd class="mono wrap">{answer.trust.key}</dd>
            <dt>
              Checkpoint <CopyButton text={answer.proof.checkpoint} what="Checkpoint" />
            </dt>
            <dd>
              <pre class="mono wrap">{answer.proof.checkpoint}</pre>
            </dd>
          </>
        )}
      </dl>
      <p class="small">
        <a
          href={url(`v1/events/${encodeURIComponent(event.event_id)}`, { proof: 'tlog' })}
          download={`${event.event_id.replace(/[^A-Za-z0-9._-]/g, '_')}.tlog-proof`}
        >
          Download as tlog-proof
        </a>{' '}
        <span class="quiet">to check with other tools, without this server</span>
      </p>
    </div>
  );
}
