/** Which columns the table has, and in which order; kept in this browser. */
import { useState } from 'preact/hooks';
import { pathsOf } from '../query/complete';
import { columns, DEFAULT_COLUMNS } from '../state/prefs';
import { Button, Menu } from '../ui/parts';
import { COLUMNS, labelOf } from './cells';
import { rows } from './state';

export function addColumn(id: string): void {
  if (columns.peek().some((each) => each.id === id)) return;
  const width = COLUMNS.find((each) => each.id === id)?.width ?? 160;
  const at = columns.peek().findIndex((each) => each.id === 'metadata');
  const next = [...columns.peek()];
  next.splice(at === -1 ? next.length : at, 0, { id, width });
  columns.value = next;
}

export function removeColumn(id: string): void {
  if (columns.peek().length > 1) columns.value = columns.peek().filter((each) => each.id !== id);
}

export function moveColumn(id: string, by: number): void {
  const next = [...columns.peek()];
  const at = next.findIndex((each) => each.id === id);
  const to = at + by;
  if (at === -1 || to < 0 || to >= next.length) return;
  const [moved] = next.splice(at, 1);
  if (moved) next.splice(to, 0, moved);
  columns.value = next;
}

function Chooser() {
  const [text, setText] = useState('');
  const shown = columns.value;
  const wanted = text.trim().toLowerCase();
  const fits = (id: string) =>
    wanted === '' || id.toLowerCase().includes(wanted) || labelOf(id).toLowerCase().includes(wanted);
  const hidden = COLUMNS.map((each) => each.id).filter(
    (id) => !shown.some((each) => each.id === id) && fits(id),
  );
  const paths = pathsOf(rows.list.slice(0, 60).map((row) => row.event))
    .map(([path]) => path)
    .filter((path) => !path.includes('"') && !shown.some((each) => each.id === path) && fits(path))
    .slice(0, 30);
  return (
    <div class="chooser">
      <h3>Shown</h3>
      <ol>
        {shown.map((each, i) => (
          <li key={each.id}>
            <span>{labelOf(each.id)}</span>
            <Button
              bare
              icon="up"
              label={`Move ${labelOf(each.id)} to the left`}
              disabled={i === 0}
              onClick={() => moveColumn(each.id, -1)}
            />
            <Button
              bare
              icon="down"
              label={`Move ${labelOf(each.id)} to the right`}
              disabled={i === shown.length - 1}
              onClick={() => moveColumn(each.id, 1)}
            />
            <Button
              bare
              icon="close"
              label={`Hide ${labelOf(each.id)}`}
              disabled={shown.length === 1}
              onClick={() => removeColumn(each.id)}
            />
          </li>
        ))}
      </ol>
      <h3>Add</h3>
      <input
        type="search"
        aria-label="Search columns"
        placeholder="Search columns and metadata"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <ul>
        {[...hidden, ...paths].map((id) => (
          <li key={id}>
            <span>{labelOf(id)}</span>
            <Button bare icon="plus" label={`Show ${labelOf(id)}`} onClick={() => addColumn(id)} />
          </li>
        ))}
      </ul>
      <Button label="Reset" onClick={() => (columns.value = DEFAULT_COLUMNS)} />
    </div>
  );
}

export function ColumnMenu() {
  return (
    <Menu icon="columns" label="Columns" bare align="end">
      {() => <Chooser />}
    </Menu>
  );
}
