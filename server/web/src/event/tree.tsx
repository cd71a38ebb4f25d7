/** Metadata as a tree: every value can be asked for, left out, copied, or made a column. */
import { useState } from 'preact/hooks';
import { compact, textOf, type Json } from '../json/read';
import { addColumn } from '../log/columns';
import { setQuery, written } from '../log/state';
import { exclude, include, pathField } from '../query/edit';
import { count } from '../time/time';
import { Icon } from '../ui/icon';
import { Button, copy, Foreign, say } from '../ui/parts';

const MEMBERS_SHOWN = 100;
const TEXT_SHOWN = 1200;
const OPEN_DEPTH = 3;

/** The controls behind a value; `field` is what it is called in a query. */
export function ValueTools({ field, value, column }: { field: string; value: string; column?: string }) {
  return (
    <span class="value-tools">
      <Button
        bare
        icon="plus"
        label={`Only ${field} with this value`}
        onClick={() => {
          setQuery(include(written(), field, value));
          say('Added to the query');
        }}
      />
      <Button
        bare
        icon="minus"
        label={`Without ${field} of this value`}
        onClick={() => {
          setQuery(exclude(written(), field, value));
          say('Excluded from the query');
        }}
      />
      <Button bare icon="copy" label={`Copy ${field}`} onClick={() => void copy(value, 'Value')} />
      {column !== undefined && (
        <Button
          bare
          icon="columns"
          label={`Show ${field} as a column`}
          onClick={() => {
            addColumn(column);
            say('Column added');
          }}
        />
      )}
    </span>
  );
}

/** A text that may be long: its beginning first, all of it when asked for. */
export function LongText({ text }: { text: string }) {
  const [all, setAll] = useState(false);
  if (all || text.length <= TEXT_SHOWN) return <Foreign text={text} />;
  return (
    <>
      <Foreign text={text.slice(0, TEXT_SHOWN)} />…{' '}
      <button type="button" class="link" onClick={() => setAll(true)}>
        all {count(text.length)} characters
      </button>
    </>
  );
}

function Leaf({ json, path }: { json: Json; path: string[] }) {
  const text = textOf(json);
  const field = pathField(path);
  const tools =
    json.kind === 'null' ? (
      <CopyOnly text={text} field={field} />
    ) : (
      <ValueTools field={field} value={text} column={field} />
    );
  return (
    <span class="tree-value">
      <span class={`json-${json.kind}`}>
        {json.kind === 'string' ? (
          text === '' ? (
            <span class="quiet">empty</span>
          ) : (
            <LongText text={text} />
          )
        ) : (
          text
        )}
      </span>
      {tools}
    </span>
  );
}

function CopyOnly({ text, field }: { text: string; field: string }) {
  return (
    <span class="value-tools">
      <Button bare icon="copy" label={`Copy ${field}`} onClick={() => void copy(text, 'Value')} />
    </span>
  );
}

function Branch({ name, json, path, depth }: { name: string; json: Json; path: string[]; depth: number }) {
  const [open, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(MEMBERS_SHOWN);
  if (json.kind !== 'object' && json.kind !== 'array') {
    return (
      <li class="tree-leaf">
        <span class="tree-name">
          <Foreign text={name} />
        </span>
        <Leaf json={json} path={path} />
      </li>
    );
  }
  const entries: [string, Json, string[]][] =
    json.kind === 'object'
      ? json.members.map(([each, value]) => [each, value, [...path, each]])
      : json.items.map((value, i) => [String(i), value, path]);
  const size = json.kind === 'object' ? `{${entries.length}}` : `[${entries.length}]`;
  return (
    <li class="tree-branch">
      <span class="tree-head">
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name={open ? 'down' : 'right'} size={12} />
          <Foreign text={name} /> <span class="quiet">{size}</span>
        </button>
        <span class="value-tools">
          <Button
            bare
            icon="copy"
            label={`Copy ${name} as JSON`}
            onClick={() => void copy(compact(json), 'JSON')}
          />
        </span>
      </span>
      {open && (
        <ul>
          {entries.slice(0, shown).map(([each, value, below], i) => (
            <Branch key={i} name={each} json={value} path={below} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <li>
              <button type="button" class="link" onClick={() => setShown(shown + 500)}>
                {count(entries.length - shown)} more
              </button>
            </li>
          )}
        </ul>
      )}
    </li>
  );
}

export function Tree({ json }: { json: Json }) {
  if (json.kind !== 'object' || json.members.length === 0)
    return <p class="quiet">This event has no metadata.</p>;
  return (
    <ul class="tree">
      {json.members.map(([name, value], i) => (
        <Branch key={i} name={name} json={value} path={[name]} depth={0} />
      ))}
    </ul>
  );
}
