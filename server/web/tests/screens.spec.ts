/** Pictures of every page for people to look at, and axe over each of them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import axe, { type RunOptions } from 'axe-core';
import { api, person } from './harness/api';
import { enter, expect, go, pageUrl, test } from './harness/page';

const FOLDER = 'tests/screens';
const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
type Scheme = 'light' | 'dark';

const PLACES: [string, string][] = [
  ['log', 'log?from=now-7d'],
  ['log-query', 'log?from=all&q=category%3A(api%20OR%20auth)%20status%3Afailure%20%40latency_ms%3E%3D20'],
  ['log-fault', 'log?q=status%3A%20failure'],
  ['log-empty', 'log?q=nothing_has_this_word'],
  ['api', 'api?from=now-7d'],
  ['errors', 'errors?from=now-7d'],
  ['resources', 'resources'],
  ['integrity', 'integrity'],
  ['archive', 'archive'],
  ['settings', 'settings'],
];

/** What was asked has been answered, and what was answered is drawn. */
async function settled(page: Page): Promise<void> {
  await expect(page.locator('.busy, .busy-now')).toHaveCount(0);
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(null)))),
  );
}

const RULES: RunOptions = {
  runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
  resultTypes: ['violations'],
};
/** Rows are made alike: the first ones stand for all. */
const REPEATED = [
  '.table-body .table-row:nth-child(n + 8)',
  '.data tbody tr:nth-child(n + 8)',
  '.facet li:nth-child(n + 4)',
  '.pick li:nth-child(n + 8)',
  '.error-group:nth-child(n + 8)',
  '.history-item:nth-child(n + 8)',
];

/** Serious findings, each with where and why. */
async function accessible(page: Page, name: string): Promise<void> {
  // Once a document: reading the rules takes as long as one of them.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  const violations = await page.evaluate(
    async ([rules, repeated]) => {
      const { axe } = window as unknown as { axe: typeof import('axe-core') };
      // What lies below a dialog or a menu, or beside an event, is seen in other pictures.
      const top = ['dialog[open]', '.menu-panel', '.drawer', 'body'].find((each) =>
        document.querySelector(each),
      );
      const found = await axe.run(
        { include: [[top ?? 'body']], exclude: repeated.map((each) => [each]) },
        rules,
      );
      return found.violations;
    },
    [RULES, REPEATED] as const,
  );
  const said = violations
    .filter((each) => each.impact === 'serious' || each.impact === 'critical')
    .map((each) => {
      const nodes = each.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary}`);
      return `${name}: ${each.id}: ${nodes.slice(0, 3).join(' | ')}`;
    });
  expect.soft(said).toEqual([]);
}

type Look = (name: string) => Promise<void>;

/** Four pictures of one state, loaded once; axe sees it wide and light, and narrow and dark. */
async function looker(page: Page): Promise<Look> {
  mkdirSync(FOLDER, { recursive: true });
  const browser = await page.context().newCDPSession(page);
  const take = async (name: string, width: number, scheme: Scheme) => {
    // Straight from the browser, packed fast: with the usual call, packing is most of the time.
    const { data } = await browser.send('Page.captureScreenshot', { format: 'png', optimizeForSpeed: true });
    writeFileSync(`${FOLDER}/${name}-${width}-${scheme}.png`, data, 'base64');
  };
  const dress = async (size: typeof WIDE, scheme: Scheme) => {
    await page.setViewportSize(size);
    await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: scheme });
    await settled(page);
  };
  await dress(WIDE, 'light');
  return async (name) => {
    await settled(page);
    await take(name, WIDE.width, 'light');
    await accessible(page, `${name}, wide and light`);
    await dress(WIDE, 'dark');
    await take(name, WIDE.width, 'dark');
    await dress(NARROW, 'dark');
    await take(name, NARROW.width, 'dark');
    await accessible(page, `${name}, narrow and dark`);
    await dress(NARROW, 'light');
    await take(name, NARROW.width, 'light');
    await dress(WIDE, 'light');
  };
}

test('every page, wide and narrow, light and dark', async ({ signedIn: page }) => {
  test.setTimeout(600_000);
  await person('admin', 'Ada Lovelace');
  await person('developer', 'Grace Hopper');
  const look = await looker(page);
  for (const [name, path] of PLACES) {
    await go(page, path);
    await look(name);
  }
  await events(page, look);
  await dialogs(page, look);
  await menus(page, look);
  await page.context().clearCookies();
  await page.goto(pageUrl());
  await expect(page.getByRole('heading', { name: 'Sign in to Stele' })).toBeVisible();
  await look('sign-in');
  await enter(page);
});

/** The most changed agent, for a history with something in it. */
async function changedAgent(): Promise<string> {
  const answer = await api<{ facets: { resource_id: { values: { value: string }[] } } }>(
    'facets?q=%40changes%3A*&fields=resource_id&resource_type=agent&top=1',
  );
  return answer.facets.resource_id.values[0]?.value ?? '';
}

async function events(page: Page, look: Look): Promise<void> {
  await go(page, 'log?from=now-7d&q=category%3Aagent%20changed%3A*');
  await page.locator('.table-body .row-open').first().click();
  await look('event');
  for (const tab of ['Changes', 'Related', 'JSON', 'Proof']) {
    await page.getByRole('tab', { name: tab }).click();
    if (tab === 'Proof') await expect(page.locator('.verdict')).toBeVisible();
    await look(`event-${tab.toLowerCase()}`);
  }
  await go(page, 'log?from=now-30d&q=%40stack%3A*');
  await page.locator('.table-body .row-open').first().click();
  await page.getByRole('tab', { name: 'Stack trace' }).click();
  await look('event-stack');
  await go(page, `resources?type=agent&id=${await changedAgent()}`);
  await look('resource');
  await go(page, 'errors?from=now-7d');
  await page.locator('.error-row').first().click();
  await look('error');
}

async function dialogs(page: Page, look: Look): Promise<void> {
  await go(page, 'log?from=now-7d&q=category%3Aapi');
  await page.getByTitle('Saved views').click();
  await expect(page.getByRole('link', { name: 'Agent Changes' })).toBeVisible();
  await page.getByRole('button', { name: 'More for Agent Changes' }).click();
  await look('views');
  await page.getByRole('button', { name: 'Save this search as a view' }).click();
  await look('view-save');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Export (x)' }).click();
  await expect(page.getByLabel('First five rows')).toContainText('event_id');
  await look('export');
  await page.getByRole('button', { name: 'Chosen' }).click();
  await expect(page.getByLabel('First five rows')).toContainText(/^timestamp,event_type/);
  await look('export-fields');
  await go(page, 'archive?restore_from=2026-01-01T00:00:00Z&restore_to=2026-02-01T00:00:00Z');
  await look('restore');
  await go(page, 'integrity');
  await page.getByRole('button', { name: 'New report' }).click();
  await look('report');
  await go(page, 'settings');
  for (const [region, button, name] of [
    ['Retention', 'Change', 'retention'],
    ['Users', 'Add a user', 'user'],
    ['API keys', 'New key', 'key'],
    ['Event types', 'New type', 'event-type'],
  ] as const) {
    await page
      .getByRole('region', { name: region, exact: true })
      .first()
      .getByRole('button', { name: button })
      .click();
    await look(name);
    await page.keyboard.press('Escape');
  }
}

async function menus(page: Page, look: Look): Promise<void> {
  await go(page, 'api?from=now-7d');
  await page.getByRole('button', { name: 'Busiest 5 paths' }).click();
  await look('api-paths');
  await go(page, 'log?from=now-7d');
  await page.getByRole('textbox', { name: 'Query' }).click();
  await page.getByRole('textbox', { name: 'Query' }).fill('status:failure actor.');
  await expect(page.getByRole('option').first()).toBeVisible();
  await look('completion');
  await page.keyboard.press('Escape');
  await page.getByTitle('Range of time').click();
  await look('time');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Columns' }).click();
  await look('columns');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await look('keymap');
}
