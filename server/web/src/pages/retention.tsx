/** How long events stay searchable, and what comes after. */
import { useState } from 'preact/hooks';
import { ask, may, send } from '../api/client';
import type { Retention } from '../api/types';
import { count } from '../time/time';
import { Confirm, FormDialog } from '../ui/dialog';
import { attempt, Button, say } from '../ui/parts';
import { Panel, useAsk } from './frame';

const DAYS_MIN = 7;
const DAYS_MAX = 36_500;
const PRESETS = [7, 30, 90, 180, 365, 730, 2556];

function Edit({ now, onClose, onMade }: { now: Retention; onClose: () => void; onMade: () => void }) {
  const [unlimited, setUnlimited] = useState(now.active_days === null);
  const [active, setActive] = useState(String(now.active_days ?? 90));
  const [chill, setChill] = useState(String(now.chill_after_days));
  const [archive, setArchive] = useState(now.archive);
  const shorter = !unlimited && (now.active_days === null || Number(active) < now.active_days);
  const submit = async () => {
    await send('PUT', 'v1/retention', {
      active_days: unlimited ? null : Number(active),
      chill_after_days: Number(chill),
      archive,
    });
    say('Retention changed');
    onMade();
    onClose();
  };
  return (
    <FormDialog title="Retention" submit="Save" onSubmit={submit} onClose={onClose}>
      <fieldset>
        <legend>Searchable</legend>
        <label class="check">
          <input type="radio" name="active" checked={unlimited} onChange={() => setUnlimited(true)} /> without
          end
        </label>
        <label class="check">
          <input type="radio" name="active" checked={!unlimited} onChange={() => setUnlimited(false)} /> for
          <input
            class="days"
            type="number"
            aria-label="Days searchable"
            min={DAYS_MIN}
            max={DAYS_MAX}
            required
            list="active-days"
            disabled={unlimited}
            value={active}
            onInput={(event) => setActive(event.currentTarget.value)}
          />
          days after they were stored
        </label>
        <datalist id="active-days">
          {PRESETS.map((days) => (
            <option key={days} value={days} />
          ))}
        </datalist>
      </fieldset>
      <label class="check">
        <input type="checkbox" checked={archive} onChange={() => setArchive(!archive)} /> Move them to the
        archive after that
      </label>
      <label>
        Compressed after, in days
        <input
          class="days"
          type="number"
          min={0}
          max={DAYS_MAX}
          required
          value={chill}
          onInput={(event) => setChill(event.currentTarget.value)}
        />
        <span class="quiet small">Compressed events are searched as before.</span>
      </label>
      {shorter && archive && (
        <p class="note" role="status">
          Older events leave the search as soon as this is saved. They are archived, not deleted, and can be
          restored within 24 hours.
        </p>
      )}
      <p class="quiet small">
        Locks in the archive are only ever lengthened: a shorter period holds for what is stored from now on,
        and no object can be deleted before its lock ends.
      </p>
    </FormDialog>
  );
}

function Hold({ on, onSet }: { on: boolean; onSet: () => void }) {
  const [asking, setAsking] = useState(false);
  const locked = on || !may('admin');
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          role="switch"
          checked={on}
          disabled={locked}
          onChange={(event) => {
            event.currentTarget.checked = false;
            setAsking(true);
          }}
        />
        <span>Legal hold</span>
      </label>
      <span class="quiet small">
        {on
          ? 'Locks never run out while it stands. It is lifted with the instance key only, by PUT /v1/retention.'
          : 'While it stands, locks in the archive never run out.'}
      </span>
      {asking && (
        <Confirm
          title="Set a legal hold"
          action="Set the hold"
          onConfirm={() => {
            setAsking(false);
            onSet();
          }}
          onClose={() => setAsking(false)}
        >
          <p>
            Everything in the archive, and all that comes to it, is locked for as long as the hold stands.
            Only the instance key can lift it.
          </p>
        </Confirm>
      )}
    </>
  );
}

export function RetentionPanel() {
  const asked = useAsk('retention', (aborted) => ask<Retention>('v1/retention', {}, aborted));
  const [editing, setEditing] = useState(false);
  const hold = async () => {
    await attempt(send('PUT', 'v1/retention', { legal_hold: true }), 'Legal hold set');
    asked.again();
  };
  return (
    <>
      <Panel
        title="Retention"
        asked={asked}
        tools={may('admin') && <Button label="Change" onClick={() => setEditing(true)} />}
      >
        {(now) => (
          <>
            <dl class="facts">
              <dt>Searchable</dt>
              <dd>
                {now.active_days === null
                  ? 'without end'
                  : `for ${count(now.active_days)} days after events were stored`}
              </dd>
              <dt>Then</dt>
              <dd>
                {now.active_days === null
                  ? 'nothing: they stay searchable'
                  : now.archive
                    ? 'to the archive'
                    : 'kept here'}
              </dd>
              <dt>Compressed</dt>
              <dd>after {count(now.chill_after_days)} days</dd>
              <dt>Plan</dt>
              <dd>
                {now.plan}: kept at least {now.plan === 'enterprise' ? '7 years' : '1 year'}{' '}
                <span class="quiet">(changed with the instance key only)</span>
              </dd>
              <dt>Hold</dt>
              <dd class="row">
                <Hold on={now.legal_hold} onSet={() => void hold()} />
              </dd>
            </dl>
            <p class="quiet small">Nothing is ever deleted from the archive.</p>
          </>
        )}
      </Panel>
      {editing && asked.question.data.value && (
        <Edit now={asked.question.data.value} onClose={() => setEditing(false)} onMade={asked.again} />
      )}
    </>
  );
}
