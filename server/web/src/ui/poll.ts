import { useEffect } from 'preact/hooks';

/** Asks again and again while something is under way. */
export function usePoll(underWay: boolean, ask: () => void, everyMs = 1000, of = ''): void {
  useEffect(() => {
    if (!underWay) return undefined;
    const timer = setInterval(ask, everyMs);
    return () => clearInterval(timer);
  }, [underWay, of]);
}
