/** The range of time: presets, a text as people write it, two exact ends, and the zone that times are shown in. */
import { useState } from 'preact/hooks';
import { timesIn, withoutTimes } from '../query/edit';
import { zone } from '../state/prefs';
import { PRESETS, rangeLabel, readRange, stamp, toMillis, zoneName, DEFAULT_FROM } from '../time/time';
import { Segmented } from '../ui/fields';
import { Menu, MenuItem } from '../ui/parts';
import { query, range, setQuery, written } from './state';

/** A range from the picker is the only one: clauses on time leave the query. */
function pick(from: string, to: string): void {
  setQuery(withoutTimes(written()), { from, to });
}

const ZONES = [
  ['local', 'Local time'],
  ['utc', 'UTC'],
] as const;

function Custom({ close }: { close: () => void }) {
  const now = Date.now();
  const field = (text: string, otherwise: number) => {
    const at = toMillis(text, now) ?? otherwise;
    return stamp(new Date(at).toISOString(), 's').replace(' ', 'T');
  };
  const [text, setText] = useState('');
  const [from, setFrom] = useState(field(range.peek().from || DEFAULT_FROM, now - 86_400_000));
  const [to, setTo] = useState(field(range.peek().to || 'now', now));
  const [fault, setFault] = useState('');

  const useText = (event: Event) => {
    event.preventDefault();
    const found = readRange(text, Date.now());
    if (!found) {
      setFault('Not understood. Try 45m, 3d, 2026-11, or 2026-11-01 to 2026-11-05.');
      return;
    }
    pick(found.from, found.to);
    close();
  };
  const useEnds = (event: Event) => {
    event.preventDefault();
    const suffix = zone.peek() === 'utc' ? 'Z' : '';
    const [start, end] = [Date.parse(from + suffix), Date.parse(to + suffix)];
    if (!(start < end)) {
      setFault('The end must be after the beginning.');
      return;
    }
    pick(new Date(start).toISOString(), new Date(end).toISOString());
    close();
  };
  return (
    <div class="time-custom">
      <form onSubmit={useText}>
        <label for="time-text">Relative or exact</label>
        <div class="row">
          <input
            id="time-text"
            placeholder="45m, 3 days, 2026-11"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button type="submit" class="button">
            Apply
          </button>
        </div>
      </form>
      <form onSubmit={useEnds}>
        <label for="time-from">From ({zoneName()})</label>
        <input
          id="time-from"
          type="datetime-local"
          step="1"
          value={from}
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
        <label for="time-to">To, not included</label>
        <div class="row">
          <input
            id="time-to"
            type="datetime-local"
            step="1"
            value={to}
            onInput={(event) => setTo(event.currentTarget.value)}
          />
          <button type="submit" class="button">
            Apply
          </button>
        </div>
      </form>
      <p class="fault" role="alert">
        {fault}
      </p>
      <Segmented
        label="Time zone"
        options={ZONES}
        now={zone.value}
        onChoose={(chosen) => (zone.value = chosen)}
      />
    </div>
  );
}

export function TimePicker() {
  const inQuery = timesIn(query.value);
  const label = inQuery.length > 0 ? `In query: ${inQuery.join(' ')}` : rangeLabel(range.value);
  return (
    <Menu icon="clock" label={label} wide align="end" title="Range of time">
      {(close) => (
        <div class="time-picker">
          <div class="time-presets">
            {PRESETS.map((each) => (
              <MenuItem
                key={each.value}
                label={each.label}
                on={
                  inQuery.length === 0 &&
                  range.value.to === '' &&
                  (range.value.from || DEFAULT_FROM) === each.value
                }
                onClick={() => {
                  pick(each.value, '');
                  close();
                }}
              />
            ))}
            <MenuItem
              label="All time"
              on={inQuery.length === 0 && range.value.from === 'all'}
              onClick={() => {
                pick('all', '');
                close();
              }}
            />
          </div>
          <Custom close={close} />
        </div>
      )}
    </Menu>
  );
}
