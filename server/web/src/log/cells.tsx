/** What a column shows of an event. */
import type { ComponentChildren } from 'preact';
import type { LogEvent } from '../api/types';
import { narrow } from '../state/media';
import { Foreign, Status, Time, Who } from '../ui/parts';

export interface ColumnKind {
  id: string;
  label: string;
  width: number;
}

export const COLUMNS: readonly ColumnKind[] = [
  { id: 'timestamp', label: 'Time', width: 184 },
  { id: 'status', label: 'Status', width: 92 },
  { id: 'event_type', label: 'Event type', width: 172 },
  { id: 'category', label: 'Category', width: 100 },
  { id: 'actor', label: 'Actor', width: 176 },
  { id: 'actor.type', label: 'Actor type', width: 90 },
  { id: 'actor.ip_address', label: 'IP address', width: 130 },
  { id: 'actor.user_agent', label: 'User agent', width: 240 },
  { id: 'resource', label: 'Resource', width: 184 },
  { id: 'action', label: 'Action', width: 100 },
  { id: 'sequence', label: 'Sequence', width: 90 },
  { id: 'committed_at', label: 'Stored at', width: 196 },
  { id: 'event_id', label: 'Event ID', width: 280 },
  { id: 'metadata', label: 'Metadata', width: 220 },
];

export function labelOf(id: string): string {
  return COLUMNS.find((each) => each.id === id)?.label ?? id;
}

export function widthOf(id: string): number {
  return COLUMNS.find((each) => each.id === id)?.width ?? 160;
}

/** Metadata in one line, its shortest values first come as they stand. */
export function excerpt(event: LogEvent): string {
  let text = '';
  for (const [name, value] of Object.entries(event.metadata)) {
    if (text.length > 300) break;
    const shown = typeof value === 'string' ? value : JSON.stringify(value);
    text += `${text === '' ? '' : '  '}${name}=${shown.length > 120 ? `${shown.slice(0, 119)}…` : shown}`;
  }
  return text.replace(/\s*[\r\n]+\s*/g, ' ⏎ ');
}

/** The first value at `a.b` below metadata, also where member names hold the dots themselves. */
export function valueAt(value: unknown, path: string): unknown {
  if (path === '') return value;
  if (Array.isArray(value))
    return value.map((item) => valueAt(item, path)).find((found) => found !== undefined);
  if (value === null || typeof value !== 'object') return undefined;
  const members = value as Record<string, unknown>;
  const parts = path.split('.');
  for (let taken = parts.length; taken > 0; taken--) {
    const name = parts.slice(0, taken).join('.');
    if (!Object.hasOwn(members, name)) continue;
    const found = valueAt(members[name], parts.slice(taken).join('.'));
    if (found !== undefined) return found;
  }
  return undefined;
}

export function cell(event: LogEvent, id: string): ComponentChildren {
  switch (id) {
    case 'timestamp':
      return <Time value={event.timestamp} precision={narrow.value ? 'short' : 'ms'} />;
    case 'committed_at':
      return <Time value={event.chain.committed_at} precision="ms" />;
    case 'status':
      return <Status value={event.status} />;
    case 'event_type':
      return event.event_type;
    case 'category':
      return event.category;
    case 'action':
      return <Foreign text={event.action} />;
    case 'actor':
      return (
        <>
          <Who actor={event.actor} />
          {event.actor.type !== 'user' && (
            <span class="tag">{event.actor.type === 'api_key' ? 'key' : event.actor.type}</span>
          )}
        </>
      );
    case 'actor.type':
      return event.actor.type;
    case 'actor.ip_address':
      return event.actor.ip_address ?? '';
    case 'actor.user_agent':
      return <Foreign text={event.actor.user_agent ?? ''} />;
    case 'resource':
      return (
        <>
          <span class="quiet">{event.resource.type}</span>{' '}
          <Foreign text={event.resource.name ?? event.resource.id} />
        </>
      );
    case 'sequence':
      return event.chain.sequence;
    case 'event_id':
      return <span class="mono">{event.event_id}</span>;
    case 'metadata':
      return (
        <span class="excerpt">
          <Foreign text={excerpt(event)} />
        </span>
      );
    default: {
      const found = id.startsWith('@') ? valueAt(event.metadata, id.slice(1)) : undefined;
      if (found === undefined) return <span class="quiet">–</span>;
      return <Foreign text={typeof found === 'string' ? found : JSON.stringify(found)} />;
    }
  }
}
