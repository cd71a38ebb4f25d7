/** The frame: who is signed in, which page is shown, and what concerns all of them. */
import { computed, effect, signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Component } from 'preact';
import { useEffect } from 'preact/hooks';
import { limitedUntil, loadSession, offline, reconnects, session, signOut } from './api/client';
import { LogPage } from './log/page';
import { ApiPage } from './pages/api';
import { ArchivePage } from './pages/archive';
import { ErrorsPage } from './pages/errors';
import { IntegrityPage } from './pages/integrity';
import { KeyMap } from './pages/keymap';
import { ResourcesPage } from './pages/resources';
import { SettingsPage } from './pages/settings';
import { SignIn } from './pages/sign-in';
import { keepFor, theme, zone } from './state/prefs';
import { follow, go, href, page, type PageName } from './state/route';
import { zoneName } from './time/time';
import { Icon, type IconName } from './ui/icon';
import { useKeys } from './ui/keys';
import { Busy, Button, Toast } from './ui/parts';

const NAVIGATION: { page: PageName; label: string; icon: IconName }[] = [
  { page: 'log', label: 'Activity log', icon: 'log' },
  { page: 'api', label: 'API', icon: 'api' },
  { page: 'errors', label: 'Errors', icon: 'errors' },
  { page: 'resources', label: 'Resources', icon: 'resources' },
  { page: 'integrity', label: 'Integrity', icon: 'integrity' },
  { page: 'archive', label: 'Archive', icon: 'archive' },
  { page: 'settings', label: 'Settings', icon: 'settings' },
];

const subject = computed(() => session.value?.subject ?? '');
effect(() => keepFor(subject.value));

const showKeys = signal(false);

/** How long after `g` a letter leads to a page. */
const LEADER_MS = 3000;
/** When `g` was struck, however late it was heard. */
let leader = -Infinity;

function onKey(event: KeyboardEvent): void {
  if (!session.value) return;
  if (event.key === '?') {
    showKeys.value = !showKeys.value;
    event.preventDefault();
    return;
  }
  if (document.querySelector('dialog[open]')) return;
  if (event.key === 'g') {
    leader = event.timeStamp;
    return;
  }
  if (event.timeStamp - leader < LEADER_MS) {
    const target = (
      {
        l: 'log',
        a: 'api',
        e: 'errors',
        r: 'resources',
        i: 'integrity',
        v: 'archive',
        s: 'settings',
      } as const
    )[event.key];
    leader = -Infinity;
    if (target) {
      event.preventDefault();
      go(target);
    }
  }
}

/** A page that throws must not take the others with it. */
class Guard extends Component<{ children: ComponentChildren }, { fault: string | null }> {
  override state = { fault: null };
  static override getDerivedStateFromError(fault: unknown) {
    return { fault: fault instanceof Error ? fault.message : String(fault) };
  }
  override render() {
    if (this.state.fault === null) return this.props.children;
    return (
      <div class="failed" role="alert">
        <Icon name="errors" />
        <div>
          <p>This page failed: {this.state.fault}</p>
          <Button icon="refresh" label="Show it again" onClick={() => this.setState({ fault: null })} />
        </div>
      </div>
    );
  }
}

function Current() {
  switch (page.value) {
    case 'log':
      return <LogPage />;
    case 'api':
      return <ApiPage />;
    case 'errors':
      return <ErrorsPage />;
    case 'resources':
      return <ResourcesPage />;
    case 'integrity':
      return <IntegrityPage />;
    case 'archive':
      return <ArchivePage />;
    case 'settings':
      return <SettingsPage />;
  }
}

function Banners() {
  return (
    <div class="banners" aria-live="polite">
      {offline.value && (
        <div class="banner bad">
          The server cannot be reached. What you see may be out of date; it goes on as soon as the server
          answers.
        </div>
      )}
      {limitedUntil.value > 0 && (
        <div class="banner">
          Too many requests for this key. Trying again in{' '}
          {Math.max(1, Math.ceil((limitedUntil.value - Date.now()) / 1000))} s.
        </div>
      )}
    </div>
  );
}

/** The person, else what the key may do. */
function who(): string {
  const { user, role, scopes = [] } = session.value ?? {};
  if (user) return `${user.name || user.email}${role ? `, ${role}` : ''}`;
  return scopes.includes('admin') ? 'admin key' : `${scopes.join(', ')} key`;
}

const THEMES = { system: ['screen', 'light'], light: ['sun', 'dark'], dark: ['moon', 'system'] } as const;

function Navigation() {
  const [icon, next] = THEMES[theme.value];
  return (
    <nav class="nav" aria-label="Pages">
      <a class="brand" href={href('log')} onClick={follow} aria-label="Stele, activity log">
        <svg width="20" height="22" viewBox="0 0 20 22" aria-hidden="true">
          <path d="M2 21V9a8 8 0 0 1 16 0v12z" class="brand-stone" />
          <path d="M6.5 10h7M6.5 14h7M6.5 18h4" class="brand-lines" />
        </svg>
        <span>Stele</span>
      </a>
      <ul>
        {NAVIGATION.map((each) => (
          <li key={each.page}>
            <a
              href={href(each.page)}
              onClick={follow}
              title={each.label}
              aria-label={each.label}
              aria-current={page.value === each.page ? 'page' : undefined}
            >
              <Icon name={each.icon} />
              <span>{each.label}</span>
            </a>
          </li>
        ))}
      </ul>
      <div class="nav-foot">
        <p class="org" title={`${who()} · ${session.value?.org.name ?? ''}`}>
          <span>{session.value?.org.name}</span>
          <span class="quiet">{who()}</span>
        </p>
        <div class="nav-tools">
          <button
            type="button"
            class="button bare zone"
            onClick={() => (zone.value = zone.value === 'utc' ? 'local' : 'utc')}
            title="Switch between local time and UTC"
          >
            {zoneName()}
          </button>
          <Button bare icon={icon} label={`Theme: ${theme.value}`} onClick={() => (theme.value = next)} />
          <Button bare icon="keys" label="Keyboard shortcuts" onClick={() => (showKeys.value = true)} />
          <Button bare icon="out" label="Sign out" onClick={() => void signOut()} />
        </div>
      </div>
    </nav>
  );
}

export function App() {
  useKeys(onKey, [], 'hears');
  const again = reconnects.value;
  useEffect(() => {
    if (session.peek() === undefined) void loadSession();
  }, [again]);
  useEffect(() => {
    const name = NAVIGATION.find((each) => each.page === page.value)?.label ?? '';
    document.title = session.value ? `${name} · Stele` : 'Sign in · Stele';
  }, [page.value, session.value]);

  if (session.value === undefined) {
    return (
      <main class="wait">
        <Banners />
        <Busy label="Loading" />
      </main>
    );
  }
  if (session.value === null) {
    return (
      <>
        <Banners />
        <SignIn />
        <Toast />
      </>
    );
  }
  return (
    <div class="frame">
      <a class="skip" href="#content">
        Skip to content
      </a>
      <Navigation />
      <div class="stage">
        <Banners />
        <main id="content" tabIndex={-1}>
          <Guard key={page.value}>
            <Current />
          </Guard>
        </main>
      </div>
      {showKeys.value && <KeyMap onClose={() => (showKeys.value = false)} />}
      <Toast />
    </div>
  );
}
