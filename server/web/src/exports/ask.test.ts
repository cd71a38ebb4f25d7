import { describe, expect, it } from 'vitest';
import { bodyOf, fileName, queryOf, type Choice } from './ask';

const choice: Choice = {
  q: 'status:failure',
  own: false,
  from: 'now-7d',
  to: '',
  order: 'desc',
  format: 'csv',
  compression: 'none',
  pretty: true,
  formulaGuard: true,
  fields: ['timestamp', 'metadata.path'],
  bulk: false,
};

describe('exports', () => {
  it('ask with what their format takes and nothing else', () => {
    expect(bodyOf(choice)).toEqual({
      q: 'status:failure',
      from: 'now-7d',
      order: 'desc',
      format: 'csv',
      compression: 'none',
      formula_guard: true,
      fields: ['timestamp', 'metadata.path'],
    });
    expect(bodyOf({ ...choice, format: 'ndjson' })).not.toHaveProperty('fields');
    expect(bodyOf({ ...choice, format: 'json', fields: null })).toMatchObject({ pretty: true });
    expect(bodyOf({ ...choice, format: 'json' })).not.toHaveProperty('formula_guard');
  });
  it('name their files', () => {
    const job = { id: 'exp_1', format: 'csv', compression: 'gzip' } as const;
    expect(fileName(job, null)).toBe('exp_1.csv.gz');
    expect(fileName({ ...job, compression: 'none' }, '0003')).toBe('exp_1.0003.csv');
  });
  it('say what they were asked for', () => {
    expect(queryOf({ query: { q: 'a', from: 'now-7d', to: null, status: [], order: 'asc' } })).toEqual({
      q: 'a',
      rest: 'from now-7d · order asc',
    });
    expect(queryOf({ query: 'a b' })).toEqual({ q: 'a b', rest: '' });
  });
});
