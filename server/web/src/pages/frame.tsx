/** What the pages beside the activity log have in common: a title, tools, panels that fail alone. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { reconnects } from '../api/client';
import { Question } from '../api/question';
import { Busy, Failed } from '../ui/parts';

export function PageFrame({
  title,
  lead,
  tools,
  children,
}: {
  title: string;
  lead: string;
  tools?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <div class="page">
      <header class="page-head">
        <div>
          <h1>{title}</h1>
          <p class="quiet">{lead}</p>
        </div>
        {tools !== undefined && <div class="page-tools">{tools}</div>}
      </header>
      {children}
    </div>
  );
}

export interface Asked<T> {
  question: Question<T>;
  again: () => void;
}

/** Asks when it is first shown, when `key` changes, and when the server is back. */
export function useAsk<T>(key: string, work: (aborted: AbortSignal) => Promise<T>): Asked<T> {
  const [question] = useState(() => new Question<T>());
  const again = () => void question.run(work);
  const back = reconnects.value;
  useEffect(() => {
    again();
    return () => question.stop();
  }, [key, back]);
  return { question, again };
}

export function Panel<T>(props: {
  title: string;
  tools?: ComponentChildren;
  asked: Asked<T>;
  children: (answer: T) => ComponentChildren;
}) {
  const { question, again } = props.asked;
  const answer = question.data.value;
  return (
    <section class={`panel${question.busy.value ? ' busy-now' : ''}`} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.tools}
      </header>
      {question.problem.value ? (
        <Failed problem={question.problem.value} onRetry={again} />
      ) : answer === null ? (
        <Busy label="Loading" />
      ) : (
        props.children(answer)
      )}
    </section>
  );
}
