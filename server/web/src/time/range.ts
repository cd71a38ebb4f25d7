/** What a range is where none is given. Apart from `time.ts`, which needs a browser. */
export const DEFAULT_FROM = 'now-24h';
