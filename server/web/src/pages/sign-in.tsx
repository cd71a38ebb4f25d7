import { useState } from 'preact/hooks';
import { ended, Problem, signIn } from '../api/client';
import { Icon } from '../ui/icon';

export function SignIn() {
  const [key, setKey] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (key.trim() === '') {
      setFault('Paste a key or a token first.');
      return;
    }
    setBusy(true);
    setFault('');
    try {
      await signIn(key.trim());
    } catch (problem) {
      const refused = problem instanceof Problem && problem.status === 401;
      setFault(
        refused ? 'This key or token is not known, expired, or revoked.' : String((problem as Error).message),
      );
    }
    setBusy(false);
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <svg width="34" height="38" viewBox="0 0 20 22" aria-hidden="true">
          <path d="M2 21V9a8 8 0 0 1 16 0v12z" class="brand-stone" />
          <path d="M6.5 10h7M6.5 14h7M6.5 18h4" class="brand-lines" />
        </svg>
        <h1>Sign in to Stele</h1>
        {ended.value !== '' && (
          <p class="note" role="status">
            {ended.value}
          </p>
        )}
        <label for="key">API key or user token</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          placeholder="stl_…"
          value={key}
          aria-invalid={fault !== ''}
          aria-describedby="key-help key-fault"
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <p id="key-fault" class="fault" role="alert">
          {fault !== '' && <Icon name="errors" size={14} />}
          {fault}
        </p>
        <button type="submit" class="button primary" disabled={busy}>
          {busy ? 'Signing in…' : 'Sign in'}
        </button>
        <p id="key-help" class="quiet small">
          It is exchanged once for a session cookie that scripts cannot read, and is not kept in this browser.
          A key needs the scope <code>read</code>.
        </p>
      </form>
    </main>
  );
}
