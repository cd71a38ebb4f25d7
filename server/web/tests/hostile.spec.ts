/** What others wrote stays text on the pages that show names, questions, reasons and paths. */
import { api, person } from './harness/api';
import { organization } from './harness/orgs';
import { address, enter, expect, go, test } from './harness/page';
import { ingest } from './harness/server.mjs';

const HOSTILE = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"'{{7*7}}\u202e\u200bx`;

test('views, exports, users, keys, restores, event types, API paths', async ({ signedIn: page }) => {
  const key = await organization('Hostile');
  await ingest(
    address(),
    key,
    JSON.stringify({
      event_id: 'hostile-1',
      event_type: 'api.response',
      actor: { type: 'api_key', id: HOSTILE, name: HOSTILE },
      resource: { type: HOSTILE, id: HOSTILE, name: HOSTILE },
      action: 'call',
      status: 'failure',
      metadata: { path: HOSTILE, latency_ms: 5, message: HOSTILE, [HOSTILE]: HOSTILE },
    }),
  );
  const someone = await person('developer', HOSTILE, key);
  await api('keys', 'POST', { name: HOSTILE, scopes: ['read'] }, key);
  const view = { name: HOSTILE, q: `"${HOSTILE.replaceAll('"', '\\"')}"`, shared: true };
  await api('views', 'POST', { ...view, columns: [HOSTILE, '@path'] }, someone.token);
  await api('exports', 'POST', { q: view.q, format: 'csv' }, someone.token);
  await api('restores', 'POST', { from: 'now-9d', to: 'now', reason: HOSTILE, days: 1 }, key);
  const inert = async () => {
    expect(await page.evaluate(() => (window as unknown as { pwned?: number }).pwned)).toBeUndefined();
    expect(await page.locator('main :is(img, script, iframe)').count()).toBe(0);
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
  };
  await enter(page, key);
  await go(page, 'log?from=all');
  await page.getByTitle('Saved views').click();
  const shared = page.getByRole('region', { name: 'Shared by others' });
  await expect(shared).toContainText('<img src=x');
  await expect(shared.locator('.codepoint', { hasText: 'U+202E' }).first()).toBeVisible();
  await inert();
  await shared.getByRole('link').click();
  await expect(page.getByTitle('Saved views')).toContainText('<img src=x');
  await expect(page.locator('.table-body .table-row').first()).toContainText('<img src=x');
  await inert();
  await page.keyboard.press('x');
  await expect(page.getByLabel('First five rows')).toContainText('<img src=x');
  await page.getByRole('button', { name: 'Chosen' }).click();
  await expect(page.getByRole('list', { name: 'Fields to add' })).toContainText('<img src=x');
  await page.getByRole('button', { name: 'Earlier exports' }).click();
  await expect(page.getByRole('article').first()).toContainText('<img src=x');
  await inert();
  await go(page, 'settings');
  await expect(page.getByRole('region', { name: 'Users', exact: true })).toContainText('<img src=x');
  await expect(page.getByRole('region', { name: 'API keys' }).first()).toContainText('<img src=x');
  await inert();
  await go(page, 'archive');
  await expect(page.getByRole('region', { name: 'Restores' }).first()).toContainText('<img src=x');
  await inert();
  await go(page, 'api');
  await page.getByRole('button', { name: 'Busiest 5 paths' }).click();
  await expect(page.locator('.swatch').first()).toContainText('<img src=x');
  await expect(page.getByRole('region', { name: 'By path', exact: true })).toContainText('<img src=x');
  await inert();
});
