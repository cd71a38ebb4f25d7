/** A table of what the server keeps: a name for each column, a cell for each row, and its own scrolling. On a phone, each row is a block. */
import type { ComponentChildren } from 'preact';

export interface Column<T> {
  /** Empty: tools, which have a name for those who do not see them. */
  name: string;
  cell: (row: T) => ComponentChildren;
  /** It names the row. */
  head?: boolean;
  kind?: 'number' | 'wide' | 'mono' | 'actions';
  /** Of single cells, beside the kind. */
  mark?: (row: T) => string;
  /** Its header sorts the rows. */
  sort?: { on: boolean; choose: () => void };
}

function Header<T>({ column }: { column: Column<T> }) {
  const { name, kind, sort } = column;
  return (
    <th
      scope="col"
      class={kind === 'number' ? kind : undefined}
      aria-sort={sort && (sort.on ? 'descending' : 'none')}
    >
      {sort ? (
        <button type="button" onClick={sort.choose}>
          {name}
          {sort.on ? ' ↓' : ''}
        </button>
      ) : name === '' ? (
        <span class="offscreen">Actions</span>
      ) : (
        name
      )}
    </th>
  );
}

function Cell<T>({ column, row }: { column: Column<T>; row: T }) {
  const kind = [column.kind, column.mark?.(row)].filter(Boolean).join(' ');
  if (column.head === true) return <th scope="row">{column.cell(row)}</th>;
  return (
    <td class={kind === '' ? undefined : kind} data-name={column.name === '' ? undefined : column.name}>
      {column.cell(row)}
    </td>
  );
}

export function DataTable<T>(props: {
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string | number;
  /** What is over: shown, and stepped back. */
  ended?: (row: T) => boolean;
}) {
  // Where headers sort, they must stay to be reached.
  const stacks = !props.columns.some((column) => column.sort);
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label={props.label}>
      <table class={`data${stacks ? ' stacks' : ''}`}>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <Header key={column.name} column={column} />
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.keyOf(row)} class={props.ended?.(row) === true ? 'ended' : undefined}>
              {props.columns.map((column) => (
                <Cell key={column.name} column={column} row={row} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
