/** Filters with live counts. They hold no state: each reads its choice from the query and writes it there. */
import { useEffect, useState } from 'preact/hooks';
import { ask } from '../api/client';
import type { Facet, Facets as Answer } from '../api/types';
import { Question } from '../api/question';
import { choose, chosen, exclude, quoteValue, toggle, without } from '../query/edit';
import { showFacets, toggleFacets } from '../state/prefs';
import { count } from '../time/time';
import { SearchField } from '../ui/fields';
import { Button, Failed, Foreign } from '../ui/parts';
import {
  FACET_FIELDS,
  facets,
  filters,
  query,
  refreshCounts,
  setQuery,
  written,
  type FacetField,
} from './state';

const CATEGORIES = ['session', 'api', 'agent', 'auth', 'integration', 'system', 'security'];
const STATUSES = ['success', 'failure', 'pending'];

interface Choice {
  value: string;
  count: number;
}

/** The values that the log has, those that the mission knows, and those that are chosen although nothing has them. */
function choices(field: FacetField, facet: Facet | undefined, picked: string[]): Choice[] {
  const found = (facet?.values ?? []).map(({ value, count: times }) => ({
    value: String(value),
    count: times,
  }));
  const fixed = field.field === 'category' ? CATEGORIES : field.field === 'status' ? STATUSES : [];
  for (const value of [...fixed, ...picked]) {
    if (!found.some((each) => each.value === value)) found.push({ value, count: 0 });
  }
  return found;
}

function Finder({ field, question }: { field: FacetField; question: Question<Choice[]> }) {
  const [text, setText] = useState('');
  const base = filters.value;
  useEffect(() => {
    if (text.trim() === '') {
      question.clear();
      return undefined;
    }
    const timer = setTimeout(() => {
      void question.run(async (aborted) => {
        const rest = without(query.peek(), field.field);
        const q = `${rest === '' ? '' : `(${rest}) `}${field.field}~${quoteValue(text.trim())}`;
        const answer = await ask<Answer>('v1/facets', { ...base, q, fields: field.name, top: 20 }, aborted);
        return (answer.facets[field.name]?.values ?? []).map(({ value, count: times }) => ({
          value: String(value),
          count: times,
        }));
      });
    }, 150);
    return () => clearTimeout(timer);
  }, [text, base]);
  useEffect(() => () => question.clear(), []);
  return (
    <SearchField
      class="facet-search"
      label={`Search ${field.label.toLowerCase()}`}
      value={text}
      onChange={setText}
    />
  );
}

function FacetList({ field }: { field: FacetField }) {
  const [finding] = useState(() => new Question<Choice[]>());
  const found = finding.data.value;
  const picked = chosen(query.value, field.field);
  const facet = facets.data.value?.facets[field.field];
  const shown = found ?? choices(field, facet, picked);
  const all = picked.length === 0;
  const counted = found !== null || facet !== undefined;
  const most = Math.max(1, ...shown.map((each) => each.count));
  return (
    <fieldset class="facet">
      <legend>{field.label}</legend>
      {!all && (
        <button
          type="button"
          class="link facet-clear"
          onClick={() => setQuery(choose(written(), field.field, []))}
        >
          Clear
        </button>
      )}
      {field.searchable && <Finder field={field} question={finding} />}
      {field.field === 'category' && (
        <label class="facet-value all">
          <input
            type="checkbox"
            checked={all || CATEGORIES.every((each) => picked.includes(each))}
            onChange={(event) => {
              event.currentTarget.checked = true;
              setQuery(choose(written(), field.field, []));
            }}
          />
          <span>Select All</span>
        </label>
      )}
      <ul>
        {shown.map((each) => (
          <li key={each.value}>
            <label class={`facet-value${counted && each.count === 0 ? ' none' : ''}`}>
              <input
                type="checkbox"
                checked={picked.includes(each.value)}
                onChange={() => setQuery(toggle(written(), field.field, each.value))}
              />
              <span class="facet-name" title={each.value}>
                <Foreign text={each.value} />
              </span>
              <span class="facet-count">{counted ? count(each.count) : ''}</span>
              <i
                aria-hidden="true"
                class={`facet-bar ${field.field === 'status' ? each.value : ''}`}
                style={{ width: `${(100 * each.count) / most}%` }}
              />
            </label>
            <Button
              bare
              icon="minus"
              label={`Exclude ${each.value}`}
              onClick={() => setQuery(exclude(written(), field.field, each.value))}
            />
          </li>
        ))}
      </ul>
      {found?.length === 0 && <p class="quiet small">No value contains this.</p>}
      {!found && facet && shown.length === 0 && <p class="quiet small">No event has one.</p>}
      {!found && facet && facet.other > 0 && (
        <p class="quiet small">
          {count(facet.other)} in other values{facet.missing > 0 ? `, ${count(facet.missing)} without` : ''}
        </p>
      )}
    </fieldset>
  );
}

export function FacetPanel() {
  if (!showFacets.value) return null;
  const problem = facets.problem.value;
  return (
    <aside class="facets" aria-label="Filters">
      <div class="facets-close">
        <Button icon="close" label="Close filters" onClick={toggleFacets} />
      </div>
      {problem && problem.body.position === undefined ? (
        <Failed problem={problem} onRetry={refreshCounts} />
      ) : (
        FACET_FIELDS.map((field) => <FacetList key={field.field} field={field} />)
      )}
    </aside>
  );
}
