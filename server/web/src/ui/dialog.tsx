/** Dialogs: the frame, one that asks for fields, and one that asks whether. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Button } from './parts';

export function Dialog(props: {
  title: string;
  wide?: boolean;
  /** What it shows is shown this once: a click beside it does not shut it. */
  stays?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const pressed = useRef<EventTarget | null>(null);
  const left = useRef(false);
  // Before the frame that shows it: what is typed at once after goes into the dialog.
  useLayoutEffect(() => {
    const box = ref.current;
    if (box && !box.open) box.showModal();
    return () => {
      left.current = true;
      box?.close();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class={`dialog${props.wide ? ' wide' : ''}`}
      aria-label={props.title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClose={() => {
        // The browser may shut it without asking, as where Escape is the first that is done in it.
        if (!left.current) props.onClose();
      }}
      onPointerDown={(event) => (pressed.current = event.target)}
      onClick={(event) => {
        // Not where a text was selected from within to beside it.
        const beside = event.target === ref.current && pressed.current === ref.current;
        if (beside && props.stays !== true) props.onClose();
      }}
    >
      <header>
        <h2>{props.title}</h2>
        <Button bare icon="close" label="Close" onClick={props.onClose} />
      </header>
      <div class="dialog-body">{props.children}</div>
    </dialog>
  );
}

interface FormProps {
  title: string;
  /** What the button that sends it says. */
  submit: string;
  /** There is nothing yet that could be sent. */
  disabled?: boolean;
  /** What it throws is said in the dialog, which stays open. */
  onSubmit: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog with fields. It sends once at a time, and stays with what was typed where that is refused. */
export function FormDialog({ title, submit, disabled, onSubmit, onClose, children }: FormProps) {
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  // The first field, not the button that shuts the dialog, is what it was opened for.
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>('input, select, textarea')?.focus(), []);
  const send = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setFault('');
    try {
      await onSubmit();
    } catch (problem) {
      setFault((problem as Error).message);
    }
    setBusy(false);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form ref={form} class="form" aria-busy={busy} onSubmit={(event) => void send(event)}>
        {children}
        <p class="fault" role="alert">
          {fault}
        </p>
        <div class="row end">
          <Button label="Cancel" onClick={onClose} />
          <button type="submit" class="button primary" disabled={busy || disabled === true}>
            {submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm(props: {
  title: string;
  /** What the button that does it says. */
  action: string;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      {props.children}
      <div class="row end">
        <Button label="Cancel" onClick={props.onClose} />
        <Button danger label={props.action} onClick={props.onConfirm} />
      </div>
    </Dialog>
  );
}
