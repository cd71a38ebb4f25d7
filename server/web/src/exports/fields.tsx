/** Which fields a file has, and in which order. */
import { useState } from 'preact/hooks';
import { SearchField, Segmented } from '../ui/fields';
import { Button, Foreign } from '../ui/parts';
import { moved } from '../views/view';

const USUAL = [
  'timestamp',
  'event_type',
  'status',
  'actor.email',
  'actor.name',
  'action',
  'resource.type',
  'resource.id',
];

/** What most files are about; the rest is a click away. */
function usual(all: readonly string[]): string[] {
  const found = USUAL.filter((each) => all.includes(each));
  return found.length > 0 ? found : [...all];
}

const WHICH = [
  ['all', 'All'],
  ['chosen', 'Chosen'],
] as const;

export function FieldChooser({
  fields,
  known,
  onChange,
}: {
  fields: string[] | null;
  known: readonly string[];
  onChange: (fields: string[] | null) => void;
}) {
  const [text, setText] = useState('');
  // The preview names only the chosen ones once some are chosen.
  const [all, setAll] = useState<readonly string[]>([]);
  if (fields === null && known.length > 0 && known !== all) setAll(known);
  const wanted = text.trim();
  const rest = all.filter(
    (each) => !fields?.includes(each) && each.toLowerCase().includes(wanted.toLowerCase()),
  );
  const add = (path: string) => onChange([...(fields ?? []), path]);
  return (
    <div class="export-line">
      <span>Fields</span>
      <Segmented
        label="Fields"
        options={WHICH}
        now={fields === null ? 'all' : 'chosen'}
        onChoose={(which) => onChange(which === 'all' ? null : (fields ?? usual(all)))}
      />
      {fields !== null && (
        <div class="export-fields">
          <ol aria-label="Chosen fields">
            {fields.map((each, i) => (
              <li key={each}>
                <span class="mono">
                  <Foreign text={each} />
                </span>
                <Button
                  bare
                  icon="up"
                  label={`Move ${each} up`}
                  disabled={i === 0}
                  onClick={() => onChange(moved(fields, each, -1))}
                />
                <Button
                  bare
                  icon="down"
                  label={`Move ${each} down`}
                  disabled={i === fields.length - 1}
                  onClick={() => onChange(moved(fields, each, 1))}
                />
                <Button
                  bare
                  icon="close"
                  label={`Leave out ${each}`}
                  disabled={fields.length === 1}
                  onClick={() => onChange(fields.filter((other) => other !== each))}
                />
              </li>
            ))}
          </ol>
          <div>
            <form
              class="row"
              onSubmit={(event) => {
                event.preventDefault();
                if (wanted !== '' && !fields.includes(wanted)) add(wanted);
                setText('');
              }}
            >
              <SearchField
                label="Field to add"
                hint="Search, or metadata.path"
                value={text}
                onChange={setText}
              />
              <button type="submit" class="button" disabled={wanted === ''}>
                Add
              </button>
            </form>
            <ul aria-label="Fields to add">
              {rest.slice(0, 100).map((each) => (
                <li key={each}>
                  <span class="mono">
                    <Foreign text={each} />
                  </span>
                  <Button bare icon="plus" label={`Add ${each}`} onClick={() => add(each)} />
                </li>
              ))}
            </ul>
          </div>
        </div>
      )}
    </div>
  );
}
