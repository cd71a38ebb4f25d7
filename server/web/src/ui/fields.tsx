/** Fields of forms. */
import type { JSX } from 'preact';

interface TextProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  required?: boolean;
  readOnly?: boolean;
  placeholder?: string;
  maxLength?: number;
}

export function TextField({ label, value, onChange, ...rest }: TextProps) {
  return (
    <label>
      {label}
      <input {...rest} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
    </label>
  );
}

/** Finds in a list as it is typed; `label` is its name, and stands in it while it is empty. */
export function SearchField(props: {
  label: string;
  hint?: string;
  class?: string;
  value: string;
  onChange: (value: string) => void;
}) {
  return (
    <input
      type="search"
      class={props.class}
      aria-label={props.label}
      placeholder={props.hint ?? props.label}
      value={props.value}
      onInput={(event) => props.onChange(event.currentTarget.value)}
    />
  );
}

export type Options<T extends string> = readonly (readonly [value: T, label: string])[];

export function SelectField<T extends string>(props: {
  label: string;
  value: T;
  options: Options<T>;
  onChange: (value: T) => void;
}) {
  return (
    <label>
      {props.label}
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)}>
        {props.options.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** One of a few, all of them seen. */
export function Segmented<T extends string>(props: {
  label: string;
  options: Options<T>;
  now: T;
  onChoose: (value: T) => void;
}): JSX.Element {
  return (
    <div class="segmented" role="group" aria-label={props.label}>
      {props.options.map(([value, label]) => (
        <button
          key={value}
          type="button"
          aria-pressed={props.now === value}
          onClick={() => props.onChoose(value)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

const LIVES = [
  ['30', 'in 30 days'],
  ['90', 'in 90 days'],
  ['365', 'in a year'],
  ['', 'never'],
] as const;

/** How long a key or a token works, in days; empty: without end. */
export type Life = (typeof LIVES)[number][0];

export function LifeField({ value, onChange }: { value: Life; onChange: (value: Life) => void }) {
  return <SelectField label="Expires" value={value} options={LIVES} onChange={onChange} />;
}

/** The member of a request that says so; none where it never ends. */
export function expiry(life: Life): { expires_at?: string } {
  if (life === '') return {};
  return { expires_at: new Date(Date.now() + Number(life) * 86_400_000).toISOString() };
}
