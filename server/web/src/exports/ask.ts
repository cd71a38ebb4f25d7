/** What an export is asked for with. No calls, no signals. */
import type { Export } from '../api/types';

export type Format = Export['format'];
export type Compression = Export['compression'];

export interface Choice {
  q: string;
  own: boolean;
  from: string;
  to: string;
  order: 'asc' | 'desc';
  format: Format;
  compression: Compression;
  pretty: boolean;
  formulaGuard: boolean;
  /** null: all. */
  fields: string[] | null;
  bulk: boolean;
}

/** The body of `POST /v1/exports`, with only what the format takes. */
export function bodyOf(choice: Choice): Record<string, unknown> {
  const { format } = choice;
  return {
    q: choice.q,
    ...(choice.own ? { own: true } : {}),
    ...(choice.from === '' ? {} : { from: choice.from }),
    ...(choice.to === '' ? {} : { to: choice.to }),
    order: choice.order,
    format,
    compression: choice.compression,
    ...(format === 'json' ? { pretty: choice.pretty } : {}),
    ...(format === 'csv' ? { formula_guard: choice.formulaGuard } : {}),
    ...(format !== 'ndjson' && choice.fields !== null ? { fields: choice.fields } : {}),
    ...(choice.bulk ? { bulk: true } : {}),
  };
}

const SUFFIX: Record<Compression, string> = { none: '', gzip: '.gz', zstd: '.zst' };

export function fileName(job: Pick<Export, 'id' | 'format' | 'compression'>, chunk: string | null): string {
  return `${job.id}${chunk === null ? '' : `.${chunk}`}.${job.format}${SUFFIX[job.compression]}`;
}

/** One line that says what was exported; the query is shown apart, since it is another's text. */
export function queryOf(job: Pick<Export, 'query'>): { q: string; rest: string } {
  if (typeof job.query === 'string') return { q: job.query, rest: '' };
  const { q, ...others } = job.query;
  const rest = Object.entries(others)
    .filter(([, value]) => value !== null && value !== '' && !(Array.isArray(value) && value.length === 0))
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
  return { q: typeof q === 'string' ? q : '', rest };
}
