import { useEffect } from 'preact/hooks';
import type { Question } from '../api/question';

/**
 * Asks again and again while something is under way, never before the last answer: asking anew would end it, and where
 * answers take longer than this waits there would be none.
 */
export function usePoll(
  underWay: boolean,
  question: Question<unknown>,
  ask: () => void,
  everyMs = 1000,
  of = '',
): void {
  useEffect(() => {
    if (!underWay) return undefined;
    const timer = setInterval(() => {
      if (!question.busy.peek()) ask();
    }, everyMs);
    return () => clearInterval(timer);
  }, [underWay, of]);
}
