import { useLayoutEffect, useRef } from 'preact/hooks';
import { Dialog } from '../ui/dialog';
import { Button, copy } from '../ui/parts';

/** A secret that is shown this once. */
export function Secret(props: {
  title: string;
  secret: string;
  what: string;
  about?: string;
  onClose: () => void;
}) {
  const end = useRef<HTMLDivElement>(null);
  // Not the button that shuts it: Enter that sent the form may be struck once more.
  useLayoutEffect(() => end.current?.querySelector('button')?.focus(), []);
  return (
    <Dialog title={props.title} stays onClose={props.onClose}>
      <p>{props.about ?? 'Copy it now. It is shown this once, and stored only as a hash.'}</p>
      <p class="secret mono wrap">{props.secret}</p>
      <div class="row end" ref={end}>
        <Button
          primary
          icon="copy"
          label={`Copy ${props.what.toLowerCase()}`}
          onClick={() => void copy(props.secret, props.what)}
        />
        <Button label="Done" onClick={props.onClose} />
      </div>
    </Dialog>
  );
}
