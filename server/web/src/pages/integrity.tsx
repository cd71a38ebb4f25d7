/** What is proved of the log: its head, its signed checkpoint, its last verification, its reports. */
import { useState } from 'preact/hooks';
import { ask, call, may, url } from '../api/client';
import type { ChainHead } from '../api/types';
import { trust } from '../event/proof-view';
import { count } from '../time/time';
import { Icon } from '../ui/icon';
import { Ago, Button, copy, CopyButton, Time } from '../ui/parts';
import { PageFrame, Panel, useAsk } from './frame';
import { ReportCheck } from './report-check';
import { Reports } from './reports';

interface Checked {
  chain: ChainHead;
  checkpoint: { size: number; root: string } | null;
  fault: string | null;
  trust: ReturnType<typeof trust>['state'];
}

async function head(aborted: AbortSignal): Promise<Checked> {
  const [{ openCheckpoint, readKey }, { toHex }, chain] = await Promise.all([
    import('../proof/note'),
    import('../proof/bytes'),
    ask<ChainHead>('v1/chain', {}, aborted),
  ]);
  const state = trust(chain).state;
  try {
    const note = openCheckpoint(chain.checkpoint, readKey(chain.key));
    return { chain, checkpoint: { size: note.size, root: toHex(note.root) }, fault: null, trust: state };
  } catch (fault) {
    return { chain, checkpoint: null, fault: (fault as Error).message, trust: state };
  }
}

interface Fault {
  kind: string;
  first_sequence: number | null;
  last_sequence: number | null;
  file: string | null;
  offset: number | null;
  detail: string;
}

interface Outcome {
  result: 'ok' | 'failed';
  proved_to: number | null;
  checked: number;
  faults: Fault[];
  notes: unknown[];
  faults_left_out: number;
  error?: string;
}

interface Run {
  state: 'idle' | 'running' | 'ended' | 'broken';
  sequence: number;
  of: number;
  outcome: Outcome | null;
  detail: string;
}

const IDLE: Run = { state: 'idle', sequence: 0, of: 0, outcome: null, detail: '' };

/** Reads the lines of a verification as they come. */
async function verify(deep: boolean, aborted: AbortSignal, onRun: (run: Run) => void): Promise<void> {
  const response = await call('v1/chain/verify', { method: 'POST', body: { deep }, signal: aborted });
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let rest = '';
  let outcome: Outcome | null = null;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (rest + value).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.filter((each) => each.trim() !== '')) {
      const said = JSON.parse(line) as { progress?: { sequence: number; of: number } } & Partial<Outcome>;
      if (said.progress) onRun({ ...IDLE, state: 'running', ...said.progress });
      else outcome = said as Outcome;
    }
  }
  if (!outcome) throw new Error('The answer ended before the verification did.');
  onRun({ ...IDLE, state: 'ended', outcome });
}

function Verification({ chain, onDone }: { chain: ChainHead; onDone: () => void }) {
  const [run, setRun] = useState<Run>(IDLE);
  const [deep, setDeep] = useState(false);
  const [stop, setStop] = useState<AbortController | null>(null);
  const start = () => {
    const mine = new AbortController();
    setStop(mine);
    setRun({ ...IDLE, state: 'running', of: chain.size });
    verify(deep, mine.signal, setRun)
      .then(onDone)
      .catch((fault: unknown) =>
        setRun(mine.signal.aborted ? IDLE : { ...IDLE, state: 'broken', detail: (fault as Error).message }),
      );
  };
  const { verified, deep_verified: deepVerified } = chain;
  const behind = verified ? chain.size - 1 - verified.sequence : chain.size;
  return (
    <>
      <dl class="facts">
        <dt>Verified</dt>
        <dd>
          {verified ? (
            <>
              to sequence {count(verified.sequence)}, <Ago value={verified.at} />{' '}
              <span class="quiet">
                (<Time value={verified.at} />)
              </span>
            </>
          ) : (
            'never'
          )}
        </dd>
        <dt>Not yet verified</dt>
        <dd>{behind <= 0 ? 'nothing' : `${count(behind)} events`}</dd>
        <dt>Index recomputed</dt>
        <dd>
          {deepVerified ? (
            <>
              to sequence {count(deepVerified.sequence)}, <Ago value={deepVerified.at} />
            </>
          ) : (
            'never'
          )}
        </dd>
      </dl>
      {may('auditor') ? (
        <div class="row">
          {run.state === 'running' ? (
            <Button icon="close" label="Stop" onClick={() => stop?.abort()} />
          ) : (
            <Button primary icon="integrity" label="Run verification" onClick={start} />
          )}
          <label class="check">
            <input
              type="checkbox"
              checked={deep}
              disabled={run.state === 'running'}
              onChange={() => setDeep(!deep)}
            />{' '}
            Deep: also recompute the index
          </label>
        </div>
      ) : (
        <p class="quiet small">Running a verification needs the scope auditor.</p>
      )}
      <div aria-live="polite">
        {run.state === 'running' && (
          <p class="progress">
            <progress max={Math.max(1, run.of)} value={run.sequence} aria-label="Verification" />
            <span>
              {count(run.sequence)} of {count(run.of)}
            </span>
          </p>
        )}
        {run.state === 'broken' && <p class="fault">{run.detail}</p>}
        {run.outcome && <Ended outcome={run.outcome} />}
      </div>
    </>
  );
}

function Ended({ outcome }: { outcome: Outcome }) {
  const ok = outcome.result === 'ok' && outcome.error === undefined;
  return (
    <div class={`verdict ${ok ? 'ok' : 'bad'}`}>
      <Icon name={ok ? 'integrity' : 'errors'} size={20} />
      <div>
        <p class="verdict-title">
          {ok
            ? `${count(outcome.checked)} events verified: no fault`
            : (outcome.error ?? `${count(outcome.faults.length + outcome.faults_left_out)} faults`)}
        </p>
        {outcome.faults.length > 0 && (
          <ul>
            {outcome.faults.slice(0, 100).map((each, i) => (
              <li key={i}>
                <b>{each.kind}</b> <span class="mono">{each.file}</span>{' '}
                {each.first_sequence !== null && `sequence ${each.first_sequence} to ${each.last_sequence}`}{' '}
                {each.detail}
              </li>
            ))}
          </ul>
        )}
      </div>
    </div>
  );
}

function Hash({ name, hash }: { name: string; hash: string }) {
  return (
    <>
      <dt>
        {name} <CopyButton text={hash} what={name} />
      </dt>
      <dd class="mono wrap">{hash}</dd>
    </>
  );
}

export function IntegrityPage() {
  const asked = useAsk('head', head);
  return (
    <PageFrame
      title="Integrity"
      lead="Tamper-evident: whoever holds an earlier checkpoint can see any change of the past."
      tools={<Button icon="refresh" label="Refresh" onClick={asked.again} />}
    >
      <div class="two">
        <Panel title="Chain head" asked={asked}>
          {({ chain }) => (
            <dl class="facts">
              <dt>Log</dt>
              <dd class="mono wrap">{chain.origin}</dd>
              <dt>Events</dt>
              <dd>{count(chain.size)}</dd>
              <Hash name="Head hash" hash={chain.hash} />
              <Hash name="Tree root" hash={chain.root} />
            </dl>
          )}
        </Panel>
        <Panel title="Verification" asked={asked}>
          {({ chain }) => <Verification chain={chain} onDone={asked.again} />}
        </Panel>
      </div>
      <Panel title="Last checkpoint" asked={asked}>
        {({ chain, checkpoint, fault, trust: state }) => (
          <div class="two plain">
            <div>
              <div class={`verdict ${fault === null && state !== 'other' ? 'ok' : 'bad'}`}>
                <Icon name={fault === null ? 'integrity' : 'errors'} size={20} />
                <div>
                  <p class="verdict-title">{fault ?? 'Signature verified in this browser'}</p>
                  {checkpoint && (
                    <p>
                      Covers {count(checkpoint.size)} of {count(chain.size)} events.
                    </p>
                  )}
                  {state === 'other' && (
                    <p>
                      The key is not the one that this browser saw before, and the log does not name that one.
                    </p>
                  )}
                </div>
              </div>
              <p class="quiet small">
                Keep the checkpoint and the verifier key outside of this server. They are what shows a change
                of the past later.
              </p>
              <div class="row">
                <Button
                  icon="copy"
                  label="Copy verifier key"
                  onClick={() => void copy(chain.key, 'Verifier key')}
                />
                <a class="button" href={url('v1/checkpoint')} download="checkpoint.txt">
                  <Icon name="download" /> Checkpoint of now
                </a>
              </div>
            </div>
            <pre class="note-text" tabIndex={0} aria-label="Checkpoint">
              {chain.checkpoint}
            </pre>
          </div>
        )}
      </Panel>
      <Reports />
      <Panel title="Check a report" asked={asked}>
        {({ chain }) => <ReportCheck logKey={chain.key} />}
      </Panel>
    </PageFrame>
  );
}
