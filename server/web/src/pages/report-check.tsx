/** Checks a report file here, without sending it anywhere. */
import { useState } from 'preact/hooks';
import type { ReportFacts } from '../proof/report';
import { count } from '../time/time';
import { Icon } from '../ui/icon';
import { Foreign } from '../ui/parts';

type Verdict = { name: string; facts: ReportFacts } | { name: string; fault: string };

export function ReportCheck({ logKey }: { logKey: string }) {
  const [key, setKey] = useState(logKey);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [over, setOver] = useState(false);
  const check = async (file: File | undefined) => {
    if (!file) return;
    const { checkReport } = await import('../proof/report');
    try {
      setVerdict({ name: file.name, facts: checkReport(await file.text(), key) });
    } catch (fault) {
      setVerdict({ name: file.name, fault: (fault as Error).message });
    }
  };
  return (
    <div class="report-check">
      <label for="report-key">Verifier key, as you keep it outside of this server</label>
      <input
        id="report-key"
        class="mono"
        value={key}
        spellcheck={false}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <label
        class={`drop${over ? ' over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void check(event.dataTransfer?.files[0]);
        }}
      >
        <Icon name="file" />
        <span>
          Drop a report (JSON), or <u>choose a file</u>
        </span>
        <input
          type="file"
          class="offscreen"
          accept=".json,application/json"
          onChange={(event) => void check(event.currentTarget.files?.[0])}
        />
      </label>
      <div aria-live="polite">
        {verdict && 'fault' in verdict && (
          <div class="verdict bad">
            <Icon name="errors" size={20} />
            <div>
              <p class="verdict-title">
                Refused: <Foreign text={verdict.name} />
              </p>
              <p>
                <Foreign text={verdict.fault} />
              </p>
            </div>
          </div>
        )}
        {verdict && 'facts' in verdict && (
          <div class="verdict ok">
            <Icon name="integrity" size={20} />
            <div>
              <p class="verdict-title">
                {count(verdict.facts.entries)} entries are unaltered records of the signed log:{' '}
                <Foreign text={verdict.name} />
              </p>
              <p>
                Verified here: the signature over {count(verdict.facts.treeSize)} events,{' '}
                {count(verdict.facts.records)} records and their links, the proof that all are in the tree,
                the range, and the verification hash.
              </p>
              <p>
                Not verified here: that nothing was left out. <code>stele verify-report</code> or{' '}
                <code>stele_verify.py</code> proves that too, with the same file and key.
              </p>
              <p class="mono wrap small">{verdict.facts.verificationHash}</p>
            </div>
          </div>
        )}
      </div>
    </div>
  );
}
