/** Taking events away: how many, in which form, a look at the first five, and the job until its file is there. */
import { useEffect, useState } from 'preact/hooks';
import { ask, may, Problem, send, session } from '../api/client';
import { Question } from '../api/question';
import type { Export, Preview } from '../api/types';
import { RestoreLink } from '../log/gaps';
import { order, own, range, written } from '../log/state';
import { count, rangeLabel, rangeParams, stamp } from '../time/time';
import { Dialog } from '../ui/dialog';
import { Segmented, type Options } from '../ui/fields';
import { Button, Failed, Foreign } from '../ui/parts';
import { usePoll } from '../ui/poll';
import { bodyOf, type Choice, type Compression, type Format } from './ask';
import { FieldChooser } from './fields';
import { ExportList, Job } from './list';

const TYPING_MS = 250;

function firstChoice(): Choice {
  const { from = '', to = '' } = rangeParams(range.peek());
  return {
    q: written().trim(),
    own: own.peek(),
    from,
    to,
    order: order.peek(),
    format: 'csv',
    compression: 'none',
    pretty: false,
    formulaGuard: true,
    fields: null,
    bulk: false,
  };
}

const FORMATS: Options<Format> = [
  ['csv', 'CSV'],
  ['json', 'JSON'],
  ['ndjson', 'NDJSON'],
];
const COMPRESSIONS: Options<Compression> = [
  ['none', 'None'],
  ['gzip', 'gzip'],
  ['zstd', 'zstd'],
];
const ABOUT: Record<Format, string> = {
  csv: 'For spreadsheets: one row an event, a column for each field.',
  json: 'One array of events.',
  ndjson: 'The stored lines byte for byte with their chain, so that the hashes can be computed again.',
};

function Form({
  choice,
  set,
  known,
}: {
  choice: Choice;
  set: (changes: Partial<Choice>) => void;
  known: readonly string[];
}) {
  const enterprise = session.value?.org.plan === 'enterprise';
  return (
    <div class="export-options">
      <div class="export-line">
        <span>Format</span>
        <Segmented
          label="Format"
          options={FORMATS}
          now={choice.format}
          onChoose={(format) => set({ format })}
        />
        <span class="quiet small">{ABOUT[choice.format]}</span>
      </div>
      <div class="export-line">
        <span>Compression</span>
        <Segmented
          label="Compression"
          options={COMPRESSIONS}
          now={choice.compression}
          onChoose={(compression) => set({ compression })}
        />
      </div>
      <div class="export-line">
        <span>Options</span>
        <div class="row">
          {choice.format === 'json' && (
            <label class="check">
              <input
                type="checkbox"
                checked={choice.pretty}
                onChange={() => set({ pretty: !choice.pretty })}
              />{' '}
              Indented
            </label>
          )}
          {choice.format === 'csv' && (
            <label
              class="check"
              title="Values that a spreadsheet would run as a formula get an apostrophe before them"
            >
              <input
                type="checkbox"
                checked={choice.formulaGuard}
                onChange={() => set({ formulaGuard: !choice.formulaGuard })}
              />{' '}
              Guard against formulas
            </label>
          )}
          {enterprise && (
            <label class="check" title="Several files of 100,000 events with a manifest">
              <input type="checkbox" checked={choice.bulk} onChange={() => set({ bulk: !choice.bulk })} />{' '}
              Bulk: without the limit
            </label>
          )}
          {choice.format === 'ndjson' && !enterprise && <span class="quiet">none</span>}
        </div>
      </div>
      {choice.format !== 'ndjson' && (
        <FieldChooser fields={choice.fields} known={known} onChange={(fields) => set({ fields })} />
      )}
    </div>
  );
}

/** A refusal, in words that say what to do; the ranges that fit are buttons. */
function Refused({ problem, onRange }: { problem: Problem; onRange: (from: string, to: string) => void }) {
  const { ranges = [] } = problem.body;
  const minutes = problem.retryAfter === null ? null : Math.max(1, Math.ceil(problem.retryAfter / 60));
  return (
    <div class="failed" role="alert">
      <div>
        <p>
          {problem.message}
          {problem.status === 429 && minutes !== null && ` The next one can be asked for in ${minutes} min.`}
        </p>
        {ranges.length > 0 && (
          <>
            <p class="quiet">These parts fit. Choose one, export it, then the next.</p>
            <div class="export-ranges">
              {ranges.map((each) => (
                <Button
                  key={each.from}
                  label={`${stamp(each.from, 's')} – ${stamp(each.to, 's')} · ${count(each.events)} events`}
                  onClick={() => onRange(each.from, each.to)}
                />
              ))}
            </div>
          </>
        )}
      </div>
    </div>
  );
}

function New({ onMade }: { onMade: (id: string) => void }) {
  const [choice, setChoice] = useState(firstChoice);
  const [preview] = useState(() => new Question<Preview>());
  const [refused, setRefused] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const set = (changes: Partial<Choice>) => {
    setRefused(null);
    setChoice({ ...choice, ...changes });
  };
  const body = bodyOf(choice);
  // How the file is packed does not change what is seen of it.
  const seen = JSON.stringify({ ...body, compression: 'none', bulk: undefined });
  const look = () => void preview.run((aborted) => previewOf({ ...body, compression: 'none' }, aborted));
  useEffect(() => {
    const timer = setTimeout(look, preview.data.peek() === null ? 0 : TYPING_MS);
    return () => clearTimeout(timer);
  }, [seen]);
  useEffect(() => () => preview.stop(), []);
  const start = async () => {
    setBusy(true);
    setRefused(null);
    try {
      onMade((await send<{ id: string }>('POST', 'v1/exports', body)).id);
    } catch (problem) {
      if (problem instanceof Problem) setRefused(problem);
    }
    setBusy(false);
  };
  const answer = preview.data.value;
  const over = answer !== null && answer.matched > answer.total_cap && !choice.bulk;
  const gaps = answer?.archived ?? [];
  return (
    <>
      <dl class="facts">
        <dt>Query</dt>
        <dd class="wrap">
          {choice.q === '' ? (
            <span class="quiet">all events</span>
          ) : (
            <code>
              <Foreign text={choice.q} />
            </code>
          )}
        </dd>
        <dt>Range</dt>
        <dd>{rangeLabel({ from: choice.from === '' ? 'all' : choice.from, to: choice.to })}</dd>
        <dt>Events</dt>
        <dd>
          {answer === null ? (
            <span class="quiet">counting</span>
          ) : (
            <span role="status">
              <b>{count(answer.matched)}</b>
              {over && <span class="bad"> more than the {count(answer.total_cap)} of one export</span>}
            </span>
          )}
        </dd>
      </dl>
      {gaps.length > 0 && (
        <p class="note">
          Archived events of this range are not in the export. <RestoreLink gaps={gaps} />
        </p>
      )}
      <Form choice={choice} set={set} known={answer?.fields ?? []} />
      <section class="export-preview" aria-label="Preview">
        <h3>First five</h3>
        {preview.problem.value ? (
          <Failed problem={preview.problem.value} onRetry={look} />
        ) : (
          <pre
            class={`json${preview.busy.value ? ' busy-now' : ''}`}
            tabIndex={0}
            aria-label="First five rows"
          >
            {answer === null ? (
              ''
            ) : answer.matched === 0 ? (
              'No events.'
            ) : (
              <Foreign text={answer.rows.replaceAll('\r\n', '\n')} />
            )}
          </pre>
        )}
      </section>
      {refused && <Refused problem={refused} onRange={(from, to) => set({ from, to })} />}
      <div class="row end">
        <Button
          primary
          icon="download"
          label={busy ? 'Exporting' : over ? 'Show parts that fit' : 'Export'}
          disabled={busy || answer === null || answer.matched === 0}
          onClick={() => void start()}
        />
      </div>
      <p class="quiet small">
        Who exported what becomes an event of the log. Files are kept for seven days; at most ten exports an
        hour for the organization.
      </p>
    </>
  );
}

async function previewOf(body: Record<string, unknown>, aborted: AbortSignal): Promise<Preview> {
  return send<Preview>('POST', 'v1/exports/preview', body, aborted);
}

/** One job, asked for until it ends. */
function Running({ id, onAnother }: { id: string; onAnother: () => void }) {
  const [question] = useState(() => new Question<Export>());
  const job = question.data.value;
  const open = job === null || job.status === 'pending' || job.status === 'running';
  const look = () =>
    void question.run((aborted) => ask<Export>(`v1/exports/${encodeURIComponent(id)}`, {}, aborted));
  useEffect(() => {
    look();
    return () => question.stop();
  }, [id]);
  usePoll(open, question, look, 400, id);
  return (
    <>
      {question.problem.value && <Failed problem={question.problem.value} onRetry={look} />}
      {job && <Job job={job} onChange={look} />}
      {open && <p class="quiet small">It goes on when this is closed, and is then in the list of exports.</p>}
      <div class="row end">
        <Button label="Another export" onClick={onAnother} />
      </div>
    </>
  );
}

export function ExportDialog({ onClose }: { onClose: () => void }) {
  const allowed = may('export');
  const [tab, setTab] = useState<'new' | 'list'>(allowed ? 'new' : 'list');
  const [made, setMade] = useState<string | null>(null);
  return (
    <Dialog title="Export" wide onClose={onClose}>
      {allowed ? (
        <Segmented
          label="Exports"
          options={[
            ['new', 'New export'],
            ['list', 'Earlier exports'],
          ]}
          now={tab}
          onChoose={setTab}
        />
      ) : (
        <p class="note">Making an export needs the scope export.</p>
      )}
      <div class="export">
        {tab === 'list' ? (
          <ExportList />
        ) : made === null ? (
          <New onMade={setMade} />
        ) : (
          <Running id={made} onAnother={() => setMade(null)} />
        )}
      </div>
    </Dialog>
  );
}
