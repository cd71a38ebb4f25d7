/** Exports that were asked for: how far they are, their files, their hashes. */
import { useEffect, useState } from 'preact/hooks';
import { ask, may, send, url } from '../api/client';
import { Question } from '../api/question';
import type { Export } from '../api/types';
import { bytesText } from '../pages/tiers';
import { count } from '../time/time';
import { Icon } from '../ui/icon';
import { Ago, Busy, Button, CopyButton, Empty, Failed, Foreign, say, Who } from '../ui/parts';
import { usePoll } from '../ui/poll';
import { fileName, queryOf } from './ask';

const open = (job: Export) => job.status === 'pending' || job.status === 'running';

function Files({ job }: { job: Export }) {
  const path = `v1/exports/${encodeURIComponent(job.id)}`;
  if (!may('export')) return null;
  if (job.chunk_count <= 1) {
    return (
      <a class="button primary" href={url(`${path}/download`)} download={fileName(job, null)}>
        <Icon name="download" /> Download
        {job.bytes !== null && <span> · {bytesText(job.bytes)}</span>}
      </a>
    );
  }
  return (
    <ul class="export-files">
      <li>
        <a href={url(`${path}/manifest`)} download={`${job.id}.manifest.json`}>
          <Icon name="file" size={14} /> Manifest
        </a>
      </li>
      {Array.from({ length: job.chunk_count }, (_, i) => (
        <li key={i}>
          <a
            href={url(`${path}/download`, { chunk: i + 1 })}
            download={fileName(job, String(i + 1).padStart(4, '0'))}
          >
            <Icon name="download" size={14} /> Part {i + 1}
          </a>{' '}
          {job.chunks?.[i] && (
            <span class="quiet">
              {count(job.chunks[i].entries)} events, {bytesText(job.chunks[i].bytes)}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** One export: what was asked, and what came of it. */
export function Job({ job, onChange }: { job: Export; onChange: () => void }) {
  const { q, rest } = queryOf(job);
  const cancel = async () => {
    try {
      await send('POST', `v1/exports/${encodeURIComponent(job.id)}/cancel`);
    } catch (fault) {
      say((fault as Error).message);
    }
    onChange();
  };
  return (
    <article class="export-job" aria-label={`Export ${job.id}`}>
      <header>
        <b>{job.format.toUpperCase()}</b>
        {job.compression !== 'none' && <span class="tag">{job.compression}</span>}
        <span class={`export-state ${job.status}`}>{job.status}</span>
        <span class="quiet small">
          <Ago value={job.created_at} /> by <Who actor={job.requested_by} />
        </span>
      </header>
      <p class="wrap">
        {q === '' ? (
          <span class="quiet">all events</span>
        ) : (
          <code>
            <Foreign text={q} />
          </code>
        )}{' '}
        <span class="quiet small">
          <Foreign text={rest} />
        </span>
      </p>
      {open(job) && (
        <p class="progress">
          <progress max={Math.max(1, job.total ?? 1)} value={job.entries} aria-label="Export" />
          <span>
            {count(job.entries)}
            {job.total !== null && ` of ${count(job.total)}`}
          </span>
          {may('export') && <Button icon="close" label="Cancel" onClick={() => void cancel()} />}
        </p>
      )}
      {job.status === 'failed' && <p class="bad">{job.error ?? 'It failed.'}</p>}
      {job.status === 'done' && (
        <>
          <p class="row">
            <Files job={job} />
            <span class="quiet">{count(job.entries)} events</span>
          </p>
          {job.archived.length > 0 && (
            <p class="quiet small">
              {count(job.archived.reduce((sum, gap) => sum + gap.events, 0))} archived events of the range are
              not in it.
            </p>
          )}
          {job.verification_hash !== null && (
            <p class="mono small wrap">
              {job.verification_hash} <CopyButton text={job.verification_hash} what="Verification hash" />
            </p>
          )}
        </>
      )}
    </article>
  );
}

interface Exports {
  exports: Export[];
  next_cursor: string | null;
}

export function ExportList() {
  const [question] = useState(() => new Question<Exports>());
  const look = () => void question.run((aborted) => ask<Exports>('v1/exports', { limit: 50 }, aborted));
  const more = (before: Exports) =>
    void question.run(async (aborted) => {
      const next = await ask<Exports>('v1/exports', { limit: 50, cursor: before.next_cursor ?? '' }, aborted);
      return { ...next, exports: [...before.exports, ...next.exports] };
    });
  useEffect(() => {
    look();
    return () => question.stop();
  }, []);
  const answer = question.data.value;
  const waiting = answer?.exports.some(open) === true;
  usePoll(waiting, question, look);
  if (question.problem.value) return <Failed problem={question.problem.value} onRetry={look} />;
  if (answer === null) return <Busy label="Reading the exports" />;
  if (answer.exports.length === 0)
    return (
      <Empty title="No exports yet">
        <p>An export is a file of the events that a search finds.</p>
      </Empty>
    );
  return (
    <>
      {answer.exports.map((job) => (
        <Job key={job.id} job={job} onChange={look} />
      ))}
      {answer.next_cursor !== null && <Button label="Earlier ones" onClick={() => more(answer)} />}
    </>
  );
}
