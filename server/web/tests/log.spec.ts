/** The activity log, driven as people drive it, against a real server with real events. */
import { ingest } from './harness/server.mjs';
import { person } from './harness/api';
import {
  address,
  clipboard,
  enter,
  expect,
  expectInAddress,
  go,
  inAddress,
  key,
  pageUrl,
  signIn,
  test,
} from './harness/page';
import type { Page } from '@playwright/test';

const box = (page: Page) => page.getByRole('textbox', { name: 'Query' });
const matched = (page: Page) => page.locator('.matched');
const firstRow = (page: Page) => page.locator('.table-body .table-row').first();

async function api<T>(path: string): Promise<T> {
  const response = await fetch(`${address()}/v1/${path}`, { headers: { authorization: `Bearer ${key()}` } });
  return (await response.json()) as T;
}

async function countOf(q: string, from = ''): Promise<string> {
  const answer = await api<{ matched: number }>(`facets?fields=status&q=${encodeURIComponent(q)}${from}`);
  return answer.matched.toLocaleString('en-US');
}

function event(id: string, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    event_id: id,
    event_type: 'agent.updated',
    actor: { type: 'user', id: 'usr_test', email: 'test@example.com' },
    resource: { type: 'agent', id: 'agt_test' },
    action: 'update',
    status: 'success',
    ...more,
  });
}

test('a wrong key is refused with a reason, signing out ends the session', async ({ page }) => {
  await page.goto(pageUrl());
  await page.getByLabel('API key').fill('stl_nobody_000000000000000000000000000000000000000000000000');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('not known');
  await signIn(page);
  expect(await page.evaluate(() => document.cookie)).toBe('');
  expect(await page.evaluate((secret) => JSON.stringify(localStorage).includes(secret), key())).toBe(false);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in to Stele' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Sign in to Stele' })).toBeVisible();
});

test('results, counts and the address follow what is typed', async ({ signedIn: page }) => {
  await go(page, 'log?from=all');
  await box(page).pressSequentially('category:api status:failure');
  await expect(matched(page)).toHaveText(`${await countOf('category:api status:failure')} events`);
  await expectInAddress(page, 'q', 'category:api status:failure');
  await expect(page.getByRole('checkbox', { name: /^api / })).toBeChecked();
  await expect(page.getByRole('checkbox', { name: /^failure / })).toBeChecked();
  await expect(firstRow(page)).toContainText('failure');
});

test('an answer that comes late never replaces a newer one', async ({ signedIn: page }) => {
  await go(page, 'log?from=all');
  let release: () => void = () => undefined;
  const held = new Promise<void>((done) => (release = done));
  await page.route(/v1\/events\?.*slow_word/, async (route) => {
    await held;
    await route.continue().catch(() => undefined);
  });
  await box(page).fill('slow_word');
  await expectInAddress(page, 'q', 'slow_word');
  await box(page).fill('event_type:auth.login');
  await expect(firstRow(page)).toContainText('auth.login');
  release();
  await page.waitForTimeout(400);
  await expect(firstRow(page)).toContainText('auth.login');
});

test('fields, operators and values are completed, values with their counts', async ({ signedIn: page }) => {
  await go(page, 'log?from=all');
  await box(page).pressSequentially('stat');
  await expect(page.getByRole('option', { name: /^status/ })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(box(page)).toHaveValue('status:');
  const failures = await countOf('status:failure');
  await expect(page.getByRole('option', { name: `failure ${failures}` })).toBeVisible();
  await page.keyboard.press('f');
  await expect(page.getByRole('option')).toHaveCount(1);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(box(page)).toHaveValue('status:failure ');
  await box(page).pressSequentially('@latency_ms');
  await expect(page.getByRole('option', { name: /@latency_ms>=/ })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.locator('.query').getByRole('button', { name: 'Clear the query' }).click();
  await box(page).click();
  await expect(page.getByRole('option', { name: /status:failure @latency_ms/ })).toBeVisible();
});

test('a fault is underlined at its place and can be mended', async ({ signedIn: page }) => {
  await go(page, 'log?from=all');
  await box(page).fill('é timeout status: failure');
  await expect(page.locator('.q-fault').first()).toBeVisible();
  await expect
    .poll(async () => (await page.locator('.q-fault').allTextContents()).join(''))
    .toBe('status: failure');
  await expect(page.locator('#query-fault')).toContainText('Character 11');
  await page.getByRole('button', { name: 'Use status:failure' }).click();
  await expect(box(page)).toHaveValue('é timeout status:failure');
  await expect(page.locator('.q-fault')).toHaveCount(0);
});

test('the picker takes presets, texts and exact ends, in local time and UTC', async ({ signedIn: page }) => {
  await go(page, 'log?q=status%3Afailure%20last%3A7d');
  const picker = page.getByTitle('Range of time');
  await expect(picker).toHaveText(/In query: last:7d/);
  for (const [label, value] of [
    ['Last 15 minutes', 'now-15m'],
    ['Last 1 hour', 'now-1h'],
    ['Last 24 hours', 'now-24h'],
    ['Last 7 days', 'now-7d'],
    ['Last 30 days', 'now-30d'],
    ['All time', 'all'],
  ] as const) {
    await picker.click();
    await page.getByRole('button', { name: label, exact: true }).click();
    await expectInAddress(page, 'from', value);
    await expect(picker).toHaveText(label);
  }
  await expect(box(page)).toHaveValue('status:failure');
  await picker.click();
  await page.getByLabel('Relative or exact').fill('2026-05 to 2026-06');
  await page.getByRole('button', { name: 'Apply' }).first().click();
  // May begins at midnight in Berlin, two hours before it does in UTC.
  await expectInAddress(page, 'from', '2026-04-30T22:00:00.000Z');
  await picker.click();
  await page.getByLabel('Relative or exact').fill('soon');
  await page.getByRole('button', { name: 'Apply' }).first().click();
  await expect(page.getByRole('dialog').getByRole('alert')).toContainText('Not understood');
  await page.getByRole('button', { name: 'UTC', exact: true }).click();
  await page.getByLabel('From (UTC)').fill('2026-05-01T00:00:00');
  await page.getByLabel('To, not included').fill('2026-05-02T00:00:00');
  await page.getByRole('button', { name: 'Apply' }).last().click();
  await expectInAddress(page, 'from', '2026-05-01T00:00:00.000Z');
  await expectInAddress(page, 'to', '2026-05-02T00:00:00.000Z');
  await page.goBack();
  await expectInAddress(page, 'from', '2026-04-30T22:00:00.000Z');
});

test('filters write the query; counts of other values stay; Select All takes the choice out', async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all');
  const choice = (name: string) =>
    page
      .locator('.facet', { has: page.locator('legend', { hasText: /^(Category|Status)$/ }) })
      .locator('.facet-value')
      .filter({ has: page.locator(`.facet-name[title="${name}"]`) });
  await choice('api').click();
  await expect(box(page)).toHaveValue('category:api');
  await choice('auth').click();
  await expect(box(page)).toHaveValue('category:(api OR auth)');
  await expect(matched(page)).toHaveText(`${await countOf('category:(api OR auth)')} events`);
  await expect(choice('session').locator('.facet-count')).toHaveText(await countOf('category:session'));
  await page.getByRole('checkbox', { name: 'Select All' }).check();
  await expect(box(page)).toHaveValue('');
  await choice('failure').hover();
  await page.getByRole('button', { name: 'Exclude failure' }).click();
  await expect(box(page)).toHaveValue('-status:failure');
  await page.getByRole('searchbox', { name: 'Search actor e-mail' }).fill('ada.');
  const names = page.locator('.facet', { hasText: 'Actor e-mail' }).locator('.facet-name');
  await expect(names.filter({ hasNotText: 'ada.' })).toHaveCount(0);
  const email = await names.first().textContent();
  await names.first().click();
  await expect(box(page)).toHaveValue(`-status:failure actor.email:${email}`);
});

test('dragging over the histogram looks closer', async ({ signedIn: page }) => {
  await go(page, 'log?from=now-30d');
  const plot = page.locator('.histogram-plot .u-over');
  const place = await plot.boundingBox();
  if (!place) throw new Error('no histogram');
  await page.mouse.move(place.x + place.width * 0.4, place.y + 30);
  await page.mouse.down();
  await page.mouse.move(place.x + place.width * 0.5, place.y + 30, { steps: 5 });
  await page.mouse.up();
  await expectInAddress(page, 'from', /^\d{4}-/);
  const days = (Date.parse(inAddress(page, 'to')) - Date.parse(inAddress(page, 'from'))) / 86_400_000;
  expect(days).toBeGreaterThan(2.5);
  expect(days).toBeLessThan(3.6);
  await expect(page.locator('.histogram-plot')).toHaveAttribute('aria-label', /Histogram: .* success/);
});

test('the table reads on as it is scrolled, and keeps few rows in the document', async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all');
  await expect(firstRow(page)).toBeVisible();
  const table = page.locator('.table');
  const toTheEnd = () =>
    table.evaluate((element) => {
      element.scrollTo(0, element.scrollHeight);
      return element.scrollHeight;
    });
  await expect.poll(toTheEnd, { intervals: [120] }).toBeGreaterThan(1400 * 30);
  const shown = page.locator('.table-body time[datetime]');
  await expect(shown.nth(10)).toBeVisible();
  expect(await shown.count()).toBeLessThan(90);
});

test('columns are added, moved, widened and remembered; time turns the order', async ({ signedIn: page }) => {
  await go(page, 'log?from=all&q=category%3Aapi%20%40latency_ms%3A*');
  const heads = expect(page.getByRole('columnheader'));
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('searchbox', { name: 'Search columns' }).fill('latency');
  await page.getByRole('button', { name: 'Show @latency_ms' }).click();
  await page.getByRole('button', { name: 'Hide Actor', exact: true }).click();
  await page.getByRole('button', { name: 'Move Status to the right' }).click();
  await page.keyboard.press('Escape');
  await heads.toHaveText(['Time', 'Event type', 'Status', 'Resource', '@latency_ms', 'Metadata']);
  await page.getByRole('separator', { name: 'Width of Event type' }).press('ArrowRight');
  await page.reload();
  await expect(page.getByRole('separator', { name: 'Width of Event type' })).toHaveAttribute(
    'aria-valuenow',
    '188',
  );
  await heads.toHaveText(['Time', 'Event type', 'Status', 'Resource', '@latency_ms', 'Metadata']);
  await page.getByTitle('Newest first').click();
  await expectInAddress(page, 'order', 'asc');
  // Who signs in next at this browser has columns, and past queries, of his own.
  await page.keyboard.press('/');
  await page.keyboard.press('Enter');
  const first = 'category:api @latency_ms:*';
  const offered = page.getByRole('option', { name: first });
  await page.locator('.query').getByRole('button', { name: 'Clear the query' }).click();
  await box(page).click();
  await expect(offered).toBeVisible();
  await enter(page, (await person('viewer', 'Next')).token);
  await go(page, 'log?from=all');
  await expect(firstRow(page)).toBeVisible();
  await heads.toHaveText(['Time', 'Status', 'Event type', 'Actor', 'Resource', 'Metadata']);
  await box(page).click();
  await expect(page.getByRole('option').first()).toBeVisible();
  await expect(offered).toHaveCount(0);
});

test('live: new events come on top, pause holds and counts them', async ({ signedIn: page }) => {
  await go(page, 'log?q=actor.id%3Ausr_live');
  await page.getByRole('button', { name: 'Live', exact: true }).click();
  await expect(page.locator('.live.open')).toBeVisible();
  const send = (from: number, to: number) =>
    ingest(
      address(),
      key(),
      Array.from({ length: to - from }, (_, i) =>
        event(`live-${from + i}`, {
          actor: { type: 'user', id: 'usr_live' },
          resource: { type: 'agent', id: `agt_${from + i}` },
        }),
      ).join('\n'),
    );
  await send(0, 3);
  await expect(firstRow(page)).toContainText('agt_2');
  await page.keyboard.press('t');
  await expect(page.locator('.live.paused')).toBeVisible();
  await send(3, 8);
  await expect(page.getByRole('button', { name: '5 new' })).toBeVisible();
  await expect(firstRow(page)).toContainText('agt_2');
  await page.getByRole('button', { name: '5 new' }).click();
  await expect(firstRow(page)).toContainText('agt_7');
  await expect(page.locator('.table-body .table-row')).toHaveCount(8);
  // A thousand at once stay one list, without repeats.
  await send(8, 1008);
  await expect(firstRow(page)).toContainText('agt_1007');
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', '1009');
  await page.getByRole('button', { name: 'Stop live' }).click();
  await expect(page.getByRole('button', { name: 'Live', exact: true })).toBeVisible();
});

test('an event: values filter, links last, the list goes on by keyboard', async ({ signedIn: page }) => {
  await go(page, 'log?from=now-30d&q=category%3Aagent%20changed%3Amodel');
  await firstRow(page).click();
  const drawer = page.getByRole('region', { name: 'Event', exact: true });
  await expect(drawer.getByRole('heading', { level: 2 })).toContainText('agent.');
  await expectInAddress(page, 'event', /./);
  const id = inAddress(page, 'event');
  await page.keyboard.press('j');
  await expect.poll(() => inAddress(page, 'event')).not.toBe(id);
  await page.keyboard.press('k');
  await expectInAddress(page, 'event', id);
  await drawer.getByRole('button', { name: 'Only category with this value' }).click();
  await expect(box(page)).toHaveValue('category:agent changed:model');
  await drawer.getByRole('button', { name: 'Without action of this value' }).click();
  await expect(box(page)).toHaveValue(/ -action:[a-z_]+$/);
  await drawer.getByRole('tab', { name: 'Changes' }).click();
  await expect(drawer.getByRole('row', { name: /^model/ })).toBeVisible();
  await drawer.getByRole('tab', { name: 'Related' }).click();
  await expect(drawer.getByRole('heading', { name: /Same actor/ })).toBeVisible();
  await drawer.getByRole('tab', { name: 'JSON' }).click();
  await expect(drawer.getByLabel('Event as JSON')).toContainText(`"event_id": "${id}"`);
  await drawer.getByRole('button', { name: 'Permalink' }).click();
  const link = `${address()}/log?event=${encodeURIComponent(id)}`;
  await clipboard(page).toBe(link);
  await page.goto(link);
  await expect(drawer.getByRole('heading', { level: 2 })).toContainText('agent.');
  await drawer.getByRole('button', { name: 'Context' }).click();
  await expect(box(page)).toHaveValue('');
  await expect(page.locator('.table-row.open')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(drawer).toHaveCount(0);
});

test('an event is proved in the browser; a changed one is refused', async ({ signedIn: page }) => {
  await go(page, 'log?from=all&q=category%3Asecurity');
  await firstRow(page).click();
  await page.getByRole('tab', { name: 'Proof' }).click();
  await expect(page.locator('.verdict.ok')).toContainText('verified in this browser');
  await expect(page.locator('.verdict li')).toHaveCount(3);
  await page.route(/proof=true/, async (route) => {
    const answer = await route.fetch();
    await route.fulfill({
      response: answer,
      body: (await answer.text())
        .replace('"status":"success"', '"status":"failure"')
        .replace('"action":"', '"action":"x'),
    });
  });
  await page.keyboard.press('j');
  await expect(page.locator('.verdict.bad')).toContainText('Not proved');
  await expect(page.locator('.verdict li.failed')).toContainText('hash to');
});

test('numbers and strange values are shown as they were sent', async ({ signedIn: page }) => {
  await ingest(
    address(),
    key(),
    event('numbers-1', { metadata: { big: 0 } }).replace(
      '"big":0',
      '"big":12345678901234567890,"one":1.0,"exp":1e400',
    ),
  );
  await go(page, 'log?event=numbers-1&from=all&q=event_id%3Anumbers-1');
  const drawer = page.getByRole('region', { name: 'Event', exact: true });
  for (const text of ['12345678901234567890', '1.0', '1e400'])
    await expect(drawer.getByText(text, { exact: true })).toBeVisible();
});

test('an event near the size limit opens without freezing the page', async ({ signedIn: page }) => {
  const members = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`member_${i}`, i]));
  await ingest(address(), key(), event('large-1', { metadata: { text: 'word '.repeat(30_000), members } }));
  await go(page, 'log?q=event_id%3Alarge-1&from=all');
  await expect(firstRow(page)).toBeVisible();
  await page.evaluate(() => {
    const times: number[] = [];
    new PerformanceObserver((list) => list.getEntries().forEach((each) => times.push(each.duration))).observe(
      { entryTypes: ['longtask'] },
    );
    (window as unknown as { longTasks: number[] }).longTasks = times;
  });
  await firstRow(page).click();
  const drawer = page.getByRole('region', { name: 'Event', exact: true });
  await expect(drawer.getByText('all 150,000 characters')).toBeVisible();
  await expect(drawer.getByRole('button', { name: '2,900 more' })).toBeVisible();
  await drawer.getByRole('tab', { name: 'JSON' }).click();
  await expect(drawer.getByLabel('Event as JSON')).toContainText('member_2999');
  const longest = await page.evaluate(() =>
    Math.max(0, ...(window as unknown as { longTasks: number[] }).longTasks),
  );
  // Other work shares the processors, so this bound is wide; alone it is a tenth of it.
  expect(longest).toBeLessThan(1000);
});

test('copied as curl and as command, the question is the same', async ({ signedIn: page }) => {
  await go(page, `log?from=now-7d&q=${encodeURIComponent(`status:failure "it's"`)}`);
  await page.getByRole('button', { name: 'View', exact: true }).click();
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  await clipboard(page).toContain('$STELE_API_KEY');
  await clipboard(page).toContain(`--data-urlencode 'q=status:failure "it'\\''s"'`);
  await page.getByRole('button', { name: 'View', exact: true }).click();
  await page.getByRole('button', { name: 'Copy as stele command' }).click();
  await clipboard(page).toContain(`stele search --from 'now-7d' -- 'status:failure "it'\\''s"'`);
});

test('keys lead everywhere, and the list of them opens with a question mark', async ({ signedIn: page }) => {
  await go(page, 'log');
  await expect(firstRow(page)).toBeVisible();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  for (const [letter, title] of [
    ['e', 'Errors'],
    ['a', 'API'],
    ['r', 'Resources'],
    ['i', 'Integrity'],
    ['v', 'Archive'],
    ['s', 'Settings'],
  ] as const) {
    await page.keyboard.press('g');
    await page.keyboard.press(letter);
    await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible();
  }
  await page.keyboard.press('g');
  await page.keyboard.press('l');
  await expect(firstRow(page)).toBeVisible();
  await page.keyboard.press('/');
  await expect(box(page)).toBeFocused();
});

test('a key is heard as soon as the page can be seen, and not under a dialog', async ({ signedIn: page }) => {
  await page.addInitScript(() => {
    const strike = (key: string, at: Element) =>
      at.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    new MutationObserver((_, watching) => {
      if (!document.querySelector('.log')) return;
      watching.disconnect();
      strike('x', document.body);
      const shown = new MutationObserver(() => {
        const dialog = document.querySelector('dialog');
        if (!dialog) return;
        shown.disconnect();
        (window as unknown as { openAtOnce: boolean }).openAtOnce = dialog.open;
        strike('f', dialog);
      });
      shown.observe(document, { childList: true, subtree: true });
    }).observe(document, { childList: true, subtree: true });
  });
  await go(page, 'log');
  await expect(page.getByRole('dialog', { name: 'Export' })).toBeVisible();
  expect(await page.evaluate(() => (window as unknown as { openAtOnce: boolean }).openAtOnce)).toBe(true);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(page.getByRole('complementary', { name: 'Filters' })).toBeVisible();
});

test('a panel fails alone; 429 and a lost server are told, and mended without help', async ({
  signedIn: page,
}) => {
  await page.route(/v1\/histogram/, (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      body: '{"title":"Overloaded","detail":"too many questions"}',
    }),
  );
  await go(page, 'log?from=all');
  await expect(page.getByText('too many questions')).toBeVisible();
  await expect(firstRow(page)).toBeVisible();
  await page.unroute(/v1\/histogram/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.locator('.histogram-plot')).toBeVisible();

  let refuse = true;
  await page.route(/v1\/events\?/, (route) =>
    refuse
      ? route.fulfill({
          status: 429,
          headers: { 'retry-after': '2' },
          contentType: 'application/problem+json',
          body: '{"title":"Too many requests"}',
        })
      : route.continue(),
  );
  await page.keyboard.press('r');
  await expect(page.getByText(/Too many requests for this key/)).toBeVisible();
  refuse = false;
  await expect(page.getByText(/Too many requests for this key/)).toHaveCount(0);
  await expect(firstRow(page)).toBeVisible();

  await page.context().setOffline(true);
  await page.keyboard.press('r');
  await expect(page.getByText(/server cannot be reached/).first()).toBeVisible();
  await page.context().setOffline(false);
  await expect(page.locator('.banner.bad')).toHaveCount(0);
  await expect(firstRow(page)).toBeVisible();
});

test('what others wrote stays text, in every field and everywhere it is shown', async ({
  signedIn: page,
}) => {
  const hostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"'\`\${7*7}{{7*7}}\u202e\u0000\u001b[31m\u200bjavascript:alert(1)`;
  await ingest(
    address(),
    key(),
    event('xss:1', {
      event_type: 'api.error',
      status: 'failure',
      actor: { type: 'user', id: hostile, email: hostile, name: hostile, user_agent: hostile },
      resource: { type: hostile, id: hostile, name: hostile },
      action: hostile.slice(0, 120),
      metadata: {
        [hostile]: hostile,
        message: hostile,
        stack: `${hostile}\n    at f (/srv/app/a.js:1:2)`,
        request_id: hostile,
        list: [hostile],
        changes: { before: { [hostile]: hostile }, after: { [hostile]: `${hostile}2` } },
      },
    }),
  );
  const inert = async () => {
    expect(await page.evaluate(() => (window as unknown as { pwned?: number }).pwned)).toBeUndefined();
    expect(await page.locator('main img, main script, main iframe').count()).toBe(0);
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
  };
  await go(page, 'log?q=event_id%3A%22xss%3A1%22&event=xss%3A1');
  await expect(firstRow(page)).toContainText('<img src=x');
  for (const tab of ['Overview', 'Changes', 'Stack trace', 'Related', 'JSON', 'Proof']) {
    await page.getByRole('tab', { name: tab }).click();
    await page.waitForTimeout(150);
    await inert();
  }
  await expect(page.locator('.verdict.ok')).toBeVisible();
  await page.getByRole('tab', { name: 'Overview' }).click();
  await expect(page.locator('.codepoint', { hasText: 'U+202E' }).first()).toBeVisible();
  await page.getByRole('button', { name: /^Only actor.id/ }).click();
  await expect(firstRow(page)).toContainText('<img src=x');
  await expect(page.locator('.q-fault')).toHaveCount(0);
  await go(page, 'errors');
  await page.locator('.error-row', { hasText: '<img' }).first().click();
  await inert();
  await go(page, `resources?type=${encodeURIComponent(hostile)}&id=${encodeURIComponent(hostile)}`);
  await expect(page.locator('pre.json')).toContainText('<img src=x');
  await inert();
});
