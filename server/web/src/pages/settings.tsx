/** Users, keys, sessions, retention, event types, and whether reads are recorded. */
import { useState } from 'preact/hooks';
import { ask, may, send } from '../api/client';
import type { EventType } from '../api/types';
import { count } from '../time/time';
import { FormDialog } from '../ui/dialog';
import { SearchField, SelectField, TextField } from '../ui/fields';
import { Button, Empty, say } from '../ui/parts';
import { DataTable, type Column } from '../ui/table';
import { PageFrame, Panel, useAsk } from './frame';
import { Keys } from './keys';
import { RetentionPanel } from './retention';
import { Sessions } from './sessions';
import { Users } from './users';

const EMPTY_SCHEMA = '{\n  "type": "object",\n  "properties": {}\n}';

const MISMATCHES = [
  ['mark', 'are stored and marked'],
  ['refuse', 'are refused'],
] as const;

function EditType({
  type,
  onClose,
  onMade,
}: {
  type: EventType | null;
  onClose: () => void;
  onMade: () => void;
}) {
  const [name, setName] = useState(type?.event_type ?? '');
  const [category, setCategory] = useState(type?.category ?? 'system');
  const [schema, setSchema] = useState(type ? JSON.stringify(type.schema, null, 2) : EMPTY_SCHEMA);
  const [mismatch, setMismatch] = useState(type?.on_mismatch ?? 'mark');
  const submit = async () => {
    const body = {
      event_type: name.trim(),
      category: category.trim(),
      schema: JSON.parse(schema) as unknown,
      on_mismatch: mismatch,
    };
    if (type) await send('PUT', `v1/event-types/${encodeURIComponent(type.event_type)}`, body);
    else await send('POST', 'v1/event-types', body);
    say(`${name.trim()} saved`);
    onMade();
    onClose();
  };
  return (
    <FormDialog
      title={type ? `Event type ${type.event_type}` : 'New event type'}
      submit="Save"
      onSubmit={submit}
      onClose={onClose}
    >
      <TextField
        label="Event type"
        required
        placeholder="invoice.paid"
        readOnly={type !== null}
        value={name}
        onChange={setName}
      />
      <TextField
        label="Category"
        required
        readOnly={type?.built_in === true}
        value={category}
        onChange={setCategory}
      />
      <label>
        JSON Schema of metadata
        <textarea
          class="mono"
          rows={10}
          spellcheck={false}
          value={schema}
          onInput={(event) => setSchema(event.currentTarget.value)}
        />
      </label>
      <SelectField
        label="Events that do not fit it"
        value={mismatch}
        options={MISMATCHES}
        onChange={setMismatch}
      />
    </FormDialog>
  );
}

function columns(onEdit: (type: EventType) => void): Column<EventType>[] {
  const members = (schema: unknown) => (schema as { properties?: object } | null)?.properties ?? {};
  return [
    { name: 'Event type', head: true, cell: (each) => each.event_type },
    { name: 'Category', cell: (each) => each.category },
    {
      name: 'Members of metadata',
      kind: 'wide',
      mark: () => 'quiet',
      cell: (each) => Object.keys(members(each.schema)).join(', '),
    },
    { name: 'On mismatch', cell: (each) => each.on_mismatch },
    { name: 'From', cell: (each) => (each.built_in ? 'built in' : 'this organization') },
    {
      name: '',
      kind: 'actions',
      cell: (each) => may('admin') && <Button label="Edit" onClick={() => onEdit(each)} />,
    },
  ];
}

function EventTypes() {
  const asked = useAsk('types', (aborted) =>
    ask<{ event_types: EventType[] }>('v1/event-types', {}, aborted),
  );
  const [text, setText] = useState('');
  const [editing, setEditing] = useState<EventType | 'new' | null>(null);
  const wanted = text.trim().toLowerCase();
  return (
    <>
      <Panel
        title="Event types"
        asked={asked}
        tools={
          <>
            <SearchField label="Search event types" value={text} onChange={setText} />
            {may('admin') && <Button icon="plus" label="New type" onClick={() => setEditing('new')} />}
          </>
        }
      >
        {({ event_types: types }) => {
          const shown = types.filter((each) =>
            `${each.event_type} ${each.category}`.toLowerCase().includes(wanted),
          );
          if (shown.length === 0) return <Empty title="No event type contains this" />;
          return (
            <>
              <DataTable
                label="Event types"
                columns={columns(setEditing)}
                rows={shown}
                keyOf={(each) => each.event_type}
              />
              <p class="quiet small">{count(shown.length)} types</p>
            </>
          );
        }}
      </Panel>
      {editing !== null && (
        <EditType
          type={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onMade={asked.again}
        />
      )}
    </>
  );
}

function Reads() {
  const asked = useAsk('settings', (aborted) => ask<{ record_reads: boolean }>('v1/settings', {}, aborted));
  const [fault, setFault] = useState('');
  // What is being saved is shown at once, and cannot be changed before it is answered.
  const [saving, setSaving] = useState<boolean | null>(null);
  const set = async (on: boolean) => {
    setFault('');
    setSaving(on);
    try {
      asked.question.data.value = await send('PUT', 'v1/settings', { record_reads: on });
      say(on ? 'Reads are recorded' : 'Reads are no longer recorded');
    } catch (problem) {
      setFault((problem as Error).message);
    }
    setSaving(null);
  };
  return (
    <Panel title="Who looked" asked={asked}>
      {(settings) => (
        <>
          <label class="check">
            <input
              type="checkbox"
              role="switch"
              checked={saving ?? settings.record_reads}
              disabled={saving !== null || !may('admin')}
              onChange={(event) => void set(event.currentTarget.checked)}
            />
            <span>Record reads</span>
          </label>
          <p class="quiet">
            Every search, opened event, tail, proof and download becomes an event of the log (stele.read)
            before it is answered. This page asks as you type, so it makes many of them.
          </p>
          <p class="fault" role="alert">
            {fault}
          </p>
        </>
      )}
    </Panel>
  );
}

export function SettingsPage() {
  return (
    <PageFrame title="Settings" lead="Every change here is an event of the log, with before and after.">
      {may('admin') ? (
        <>
          <Users />
          <Keys />
        </>
      ) : (
        <p class="note">Users and API keys are seen and changed with the scope admin.</p>
      )}
      <Sessions />
      <RetentionPanel />
      <EventTypes />
      <Reads />
    </PageFrame>
  );
}
