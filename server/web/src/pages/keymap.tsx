import { Dialog } from '../ui/dialog';

const KEYS: [string, [string[], string][]][] = [
  [
    'Everywhere',
    [
      [['?'], 'This list'],
      [['g', 'l'], 'Activity log'],
      [['g', 'a'], 'API'],
      [['g', 'e'], 'Errors'],
      [['g', 'r'], 'Resources'],
      [['g', 'i'], 'Integrity'],
      [['g', 'v'], 'Archive'],
      [['g', 's'], 'Settings'],
      [['Esc'], 'Close what is open'],
    ],
  ],
  [
    'Activity log',
    [
      [['/'], 'Go to the query'],
      [['j'], 'Next event'],
      [['k'], 'Previous event'],
      [['Enter'], 'Open the event'],
      [['t'], 'Follow the log, or pause'],
      [['f'], 'Show or hide filters'],
      [['x'], 'Export what is found'],
      [['r'], 'Refresh'],
      [['p'], 'Copy a permalink to the open event'],
    ],
  ],
  [
    'In the query',
    [
      [['↓', '↑'], 'Choose a suggestion'],
      [['Tab'], 'Take the suggestion'],
      [['Ctrl', 'Space'], 'Show suggestions'],
      [['Enter'], 'Search, and keep the query in the history'],
    ],
  ],
];

export function KeyMap({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div class="keymap">
        {KEYS.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([pressed, what]) => (
                <div key={what}>
                  <dt>
                    {pressed.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
