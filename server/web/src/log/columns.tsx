/** Which columns the table has, and in which order; kept in this browser, or in the view that is open. */
import { useState } from 'preact/hooks';
import { pathsOf } from '../query/complete';
import { DEFAULT_COLUMNS, ownColumns } from '../state/prefs';
import { change, param } from '../state/route';
import { SearchField } from '../ui/fields';
import { Button, Menu } from '../ui/parts';
import { moved } from '../views/view';
import { COLUMNS, labelOf } from './cells';
import { columnIds, rows } from './state';

function set(next: string[]): void {
  // With a view open the columns are a part of it, and stand in the address as all of it does.
  if (param('view') !== '' || param('columns') !== '') change({ columns: next.join(',') }, 'replace');
  else ownColumns.value = next;
}

export function addColumn(id: string): void {
  const next = [...columnIds.peek()];
  if (next.includes(id)) return;
  const at = next.indexOf('metadata');
  next.splice(at === -1 ? next.length : at, 0, id);
  set(next);
}

export function removeColumn(id: string): void {
  if (columnIds.peek().length > 1) set(columnIds.peek().filter((each) => each !== id));
}

export function moveColumn(id: string, by: number): void {
  set(moved(columnIds.peek(), id, by));
}

function Chooser() {
  const [text, setText] = useState('');
  const shown = columnIds.value;
  const wanted = text.trim().toLowerCase();
  const fits = (id: string) =>
    wanted === '' || id.toLowerCase().includes(wanted) || labelOf(id).toLowerCase().includes(wanted);
  const hidden = COLUMNS.map((each) => each.id).filter((id) => !shown.includes(id) && fits(id));
  const paths = pathsOf(rows.list.slice(0, 60).map((row) => row.event))
    .map(([path]) => path)
    .filter((path) => !/[",]/.test(path) && !shown.includes(path) && fits(path))
    .slice(0, 30);
  return (
    <div class="chooser">
      <h3>Shown</h3>
      <ol>
        {shown.map((id, i) => (
          <li key={id}>
            <span>{labelOf(id)}</span>
            <Button
              bare
              icon="up"
              label={`Move ${labelOf(id)} to the left`}
              disabled={i === 0}
              onClick={() => moveColumn(id, -1)}
            />
            <Button
              bare
              icon="down"
              label={`Move ${labelOf(id)} to the right`}
              disabled={i === shown.length - 1}
              onClick={() => moveColumn(id, 1)}
            />
            <Button
              bare
              icon="close"
              label={`Hide ${labelOf(id)}`}
              disabled={shown.length === 1}
              onClick={() => removeColumn(id)}
            />
          </li>
        ))}
      </ol>
      <h3>Add</h3>
      <SearchField
        label="Search columns"
        hint="Search columns and metadata"
        value={text}
        onChange={setText}
      />
      <ul>
        {[...hidden, ...paths].map((id) => (
          <li key={id}>
            <span>{labelOf(id)}</span>
            <Button bare icon="plus" label={`Show ${labelOf(id)}`} onClick={() => addColumn(id)} />
          </li>
        ))}
      </ul>
      <Button label="Reset" onClick={() => set(DEFAULT_COLUMNS)} />
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
