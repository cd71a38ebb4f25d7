/** The saved views in the activity log: which one is open, whether it was modified, and the list of all. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { maySave, Problem } from '../api/client';
import { columnIds } from '../log/state';
import { change, href, param, place } from '../state/route';
import { rangeLabel } from '../time/time';
import { Dialog, FormDialog } from '../ui/dialog';
import { TextField } from '../ui/fields';
import { Busy, Button, copy, Empty, Failed, Foreign, Menu, say } from '../ui/parts';
import {
  again,
  closeView,
  createView,
  current,
  deleteView,
  missing,
  openView,
  orderViews,
  restoreView,
  updateView,
  views,
  viewsProblem,
} from './store';
import { contentOf, grouped, moved, type Content, type View } from './view';

/** Says a failure where the person looks; the list shows what is stored. */
async function tried(work: Promise<unknown>, done = ''): Promise<void> {
  try {
    await work;
    if (done !== '') say(done);
  } catch (fault) {
    say((fault as Error).message);
    void again();
  }
}

function permalink(view: View): string {
  return new URL(href('log', { view: view.id }), location.href).href;
}

function remove(view: View): void {
  const order = (views.peek() ?? []).map((each) => each.id);
  deleteView(view).then(
    () => say(`${view.name} deleted`, () => void tried(restoreView(view, order), `${view.name} is back`)),
    (fault: unknown) => say((fault as Error).message),
  );
}

function Rename({ view, onDone }: { view: View; onDone: () => void }) {
  const [name, setName] = useState(view.name);
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => box.current?.focus(), []);
  const save = async () => {
    const next = name.trim();
    if (next !== '' && next !== view.name) await tried(updateView(view.id, { name: next }));
    onDone();
  };
  return (
    <form
      class="view-rename"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onDone();
      }}
    >
      <input
        ref={box}
        aria-label={`New name of ${view.name}`}
        maxLength={128}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="button">
        Rename
      </button>
    </form>
  );
}

function Tools({ view, group, onRename }: { view: View; group: readonly View[]; onRename: () => void }) {
  const move = (by: number) =>
    void tried(
      orderViews(
        moved(
          (views.peek() ?? []).map((each) => each.id),
          view.id,
          by,
          group.map((each) => each.id),
        ),
      ),
    );
  const at = group.findIndex((each) => each.id === view.id);
  return (
    <div class="view-tools">
      {view.mine && maySave() && <Button label="Rename" onClick={onRename} />}
      {view.mine && maySave() && (
        <Button
          label={view.shared ? 'Stop sharing' : 'Share'}
          title={
            view.shared ? 'Only you will see it' : 'Everyone of the organization will see it, and may star it'
          }
          onClick={() => void tried(updateView(view.id, { shared: !view.shared }))}
        />
      )}
      <Button label="Copy link" onClick={() => void copy(permalink(view), 'Permalink')} />
      {maySave() && (
        <>
          <Button bare icon="up" label={`Move ${view.name} up`} disabled={at <= 0} onClick={() => move(-1)} />
          <Button
            bare
            icon="down"
            label={`Move ${view.name} down`}
            disabled={at === group.length - 1}
            onClick={() => move(1)}
          />
        </>
      )}
      {view.mine && maySave() && <Button danger label="Delete" onClick={() => remove(view)} />}
    </div>
  );
}

type RowState = 'shut' | 'tools' | 'rename';

function Row({
  view,
  group,
  state,
  setState,
  close,
}: {
  view: View;
  group: readonly View[];
  state: RowState;
  setState: (state: RowState) => void;
  close: () => void;
}) {
  const now = param('view') === view.id;
  return (
    <li>
      <div class={`view-row${now ? ' now' : ''}`}>
        <Button
          bare
          icon="star"
          disabled={!maySave()}
          filled={view.starred}
          pressed={view.starred}
          label={`Star ${view.name}`}
          onClick={() => void tried(updateView(view.id, { starred: !view.starred }))}
        />
        {state === 'rename' ? (
          <Rename view={view} onDone={() => setState('tools')} />
        ) : (
          <a
            href={href('log', { view: view.id })}
            aria-current={now ? 'true' : undefined}
            onClick={(event) => {
              if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
                return;
              event.preventDefault();
              openView(view);
              close();
            }}
          >
            <span class="view-name">
              <Foreign text={view.name} />
            </span>
            {view.mine ? (
              view.shared && <span class="tag">shared</span>
            ) : (
              <span class="quiet small">
                <Foreign text={view.owner.name} />
              </span>
            )}
          </a>
        )}
        <Button
          bare
          icon="dots"
          label={`More for ${view.name}`}
          expanded={state !== 'shut'}
          onClick={() => setState(state === 'shut' ? 'tools' : 'shut')}
        />
      </div>
      {state !== 'shut' && <Tools view={view} group={group} onRename={() => setState('rename')} />}
    </li>
  );
}

function List({ close, onSave }: { close: () => void; onSave: () => void }) {
  const all = views.value;
  // Here and not in the row: a row that is starred goes to another list.
  const [open, setOpen] = useState<{ id: string; state: RowState }>({ id: '', state: 'shut' });
  return (
    <div class="views">
      {all === null && viewsProblem.value && (
        <Failed problem={viewsProblem.value} onRetry={() => void again()} />
      )}
      {all === null && !viewsProblem.value && <Busy label="Reading the views" />}
      {all?.length === 0 && (
        <Empty title="No saved views">
          <p>A view keeps the query, the range of time, the order and the columns under a name.</p>
        </Empty>
      )}
      {grouped(all ?? []).map((group) => (
        <section key={group.title} aria-label={group.title}>
          <h3>{group.title}</h3>
          <ul>
            {group.views.map((view) => (
              <Row
                key={view.id}
                view={view}
                group={group.views}
                state={open.id === view.id ? open.state : 'shut'}
                setState={(state) => setOpen({ id: view.id, state })}
                close={close}
              />
            ))}
          </ul>
        </section>
      ))}
      <footer class="row">
        {maySave() && (
          <Button
            icon="plus"
            label="Save this search as a view"
            onClick={() => {
              close();
              onSave();
            }}
          />
        )}
        {param('view') !== '' && (
          <Button
            label="Close the view"
            onClick={() => {
              close();
              closeView();
            }}
          />
        )}
      </footer>
    </div>
  );
}

/** What is seen now, to be saved: the columns as they are shown, wherever they come from. */
function content(): Content {
  return { ...contentOf(place.peek().params), columns: [...columnIds.peek()] };
}

function SaveAs({ proposed, onClose }: { proposed: string; onClose: () => void }) {
  const [now] = useState(content);
  const [name, setName] = useState(proposed);
  const [shared, setShared] = useState(false);
  const [starred, setStarred] = useState(false);
  const submit = async () => {
    if (name.trim() === '') throw new Error('Give it a name.');
    openView(await createView(now, { name: name.trim(), shared, starred }));
    say(`${name.trim()} saved`);
    onClose();
  };
  return (
    <FormDialog title="Save as a view" submit="Save" onSubmit={submit} onClose={onClose}>
      <TextField label="Name" maxLength={128} value={name} onChange={setName} />
      <dl class="facts">
        <dt>Query</dt>
        <dd>{now.q === '' ? <span class="quiet">all events</span> : <code>{now.q}</code>}</dd>
        <dt>Range</dt>
        <dd>{rangeLabel({ from: now.from ?? 'all', to: now.to ?? '' })}</dd>
        <dt>Order</dt>
        <dd>{now.order === 'asc' ? 'oldest first' : 'newest first'}</dd>
        <dt>Columns</dt>
        <dd>{now.columns?.length}</dd>
      </dl>
      <label class="check">
        <input type="checkbox" checked={starred} onChange={() => setStarred(!starred)} /> Star it
      </label>
      <label class="check">
        <input type="checkbox" checked={shared} onChange={() => setShared(!shared)} /> Share it with everyone
        of the organization
      </label>
    </FormDialog>
  );
}

function Conflict({
  view,
  onOverwrite,
  onSaveAs,
  onClose,
}: {
  view: View;
  onOverwrite: () => void;
  onSaveAs: () => void;
  onClose: () => void;
}) {
  const stored = views.value?.find((each) => each.id === view.id);
  return (
    <Dialog title="Changed elsewhere" onClose={onClose}>
      <p>
        <b>
          <Foreign text={view.name} />
        </b>{' '}
        was changed in another browser after you opened it here.
      </p>
      {stored && (
        <p class="wrap">
          It now has <code>{stored.q === '' ? '(all events)' : stored.q}</code>,{' '}
          {rangeLabel({ from: stored.from ?? 'all', to: stored.to ?? '' })}.
        </p>
      )}
      <div class="row end">
        {stored && (
          <Button
            label="Take the stored one"
            onClick={() => {
              openView(stored);
              onClose();
            }}
          />
        )}
        <Button label="Save mine as another" onClick={onSaveAs} />
        {stored && <Button danger label="Overwrite it" onClick={onOverwrite} />}
      </div>
    </Dialog>
  );
}

export function ViewBar() {
  const [open, setOpen] = useState<'save' | 'conflict' | null>(null);
  const conflicted = useRef<View | null>(null);
  const now = current.value;
  const name = now ? (now.stored ?? now.base).name : '';
  const update = async (version: number) => {
    if (!now) return;
    try {
      await updateView(now.base.id, contentOf(place.peek().params), version);
      say(`${name} updated`);
      setOpen(null);
    } catch (fault) {
      if (!(fault instanceof Problem && fault.status === 409)) {
        say((fault as Error).message);
        return;
      }
      await again();
      conflicted.current = now.base;
      setOpen('conflict');
    }
  };
  return (
    <>
      <Menu icon="views" label={name === '' ? 'Views' : name} title="Saved views">
        {(close) => <List close={close} onSave={() => setOpen('save')} />}
      </Menu>
      {missing.value && (
        <span class="view-state" role="status">
          <span class="quiet">This view was deleted, or is not shared with you.</span>
          <Button label="Dismiss" onClick={() => change({ view: '' }, 'replace')} />
        </span>
      )}
      {now && (now.modified || now.stored === null) && (
        <span class="view-state">
          <span class="tag modified" role="status">
            {now.stored === null
              ? 'deleted elsewhere'
              : now.elsewhere
                ? 'modified, here and elsewhere'
                : 'modified'}
          </span>
          {now.stored?.mine && maySave() && (
            <Button label="Update" onClick={() => void update(now.base.version)} />
          )}
          {maySave() && <Button label="Save as" onClick={() => setOpen('save')} />}
          {now.stored && <Button label="Discard" onClick={() => now.stored && openView(now.stored)} />}
        </span>
      )}
      {open === 'save' && (
        <SaveAs proposed={name === '' ? '' : `${name} (copy)`} onClose={() => setOpen(null)} />
      )}
      {open === 'conflict' && conflicted.current && (
        <Conflict
          view={conflicted.current}
          onOverwrite={() => {
            const version = views.peek()?.find((each) => each.id === now?.base.id)?.version;
            if (version !== undefined) void update(version);
          }}
          onSaveAs={() => setOpen('save')}
          onClose={() => setOpen(null)}
        />
      )}
    </>
  );
}
