/** The pages beside the activity log. */
import { readFileSync } from 'node:fs';
import type { Page } from '@playwright/test';
import { api } from './harness/api';
import { organization } from './harness/orgs';
import { address, clipboard, enter, expect, go, key, pageUrl, test } from './harness/page';
import { ingest } from './harness/server.mjs';

/** The signed head as it is downloaded. */
async function checkpoint(page: Page): Promise<string> {
  const waiting = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Checkpoint of now' }).click();
  return readFileSync(await (await waiting).path(), 'utf8');
}

/** The settings of an organization of its own, and the key of its administrator. */
async function settingsOf(page: Page, name: string): Promise<string> {
  const key = await organization(name);
  await enter(page, key);
  await go(page, 'settings');
  return key;
}

test('API: figures are those of the log, groups sort, a path narrows all panels', async ({
  signedIn: page,
}) => {
  // Fixed: events leave a relative range between the question of the page and that of the test.
  const from = new Date(Date.now() - 29 * 86_400_000).toISOString();
  await go(page, `api?from=${from}`);
  const summary = page.getByRole('region', { name: 'Summary' });
  const answer = (await (
    await fetch(
      `${address()}/v1/facets?from=${from}&fields=status&q=${encodeURIComponent('category:api -status:pending')}`,
      { headers: { authorization: `Bearer ${key()}` } },
    )
  ).json()) as { matched: number };
  await expect(summary.locator('dd').first()).toHaveText(answer.matched.toLocaleString('en-US'));
  await expect(summary.locator('dd').nth(2)).toHaveText(/ms|s$/);
  const latency = page.getByRole('region', { name: 'Latency over time' });
  await expect(latency.locator('.swatch')).toHaveText([/^p50 [\d.,]+ ms/, /^p95/, /^p99/]);
  await expect(page.getByRole('region', { name: 'Error rate over time' }).locator('.swatch')).toHaveText(
    /^error rate [\d.]+ %/,
  );
  await page.getByRole('button', { name: 'Busiest 5 paths' }).click();
  await expect(latency.locator('.swatch')).toHaveCount(5);
  await expect(latency.locator('.swatch').first()).toContainText('/v1/');
  await latency.getByRole('button', { name: 'p99' }).click();
  await expect(latency.locator('.swatch')).toHaveCount(5);
  await page.getByRole('button', { name: 'All requests' }).first().click();
  const table = page.getByRole('region', { name: 'By path' });
  await table.getByRole('button', { name: 'p99' }).click();
  await expect(table.getByRole('columnheader', { name: /p99/ })).toHaveAttribute('aria-sort', 'descending');
  await table.getByRole('button', { name: 'Requests' }).click();
  await table.getByRole('button', { name: '/v1/sessions', exact: true }).click();
  await expect(page.locator('.only')).toContainText('@path=/v1/sessions');
  await expect(summary.locator('dd').first()).not.toHaveText(answer.matched.toLocaleString('en-US'));
  await page.getByLabel('Group by').selectOption('metadata.status_code');
  await expect(
    page.getByRole('region', { name: 'By status code' }).getByRole('button', { name: '200', exact: true }),
  ).toBeVisible();
});

test('Errors: groups open to their stack and lead to their events', async ({ signedIn: page }) => {
  const from = new Date(Date.now() - 29 * 86_400_000).toISOString();
  await go(page, `errors?from=${from}`);
  const row = page.locator('.error-row', { hasText: 'timed out waiting' }).first();
  const { groups } = await api<{ groups: { message: string; count: number; sparkline: number[] }[] }>(
    `errors?from=${from}&limit=100`,
  );
  const group = groups.find((each) => each.message.includes('timed out waiting'));
  await expect(row.locator('.error-count')).toHaveText((group?.count ?? 0).toLocaleString('en-US'));
  await expect(row.locator('.spark rect')).toHaveCount(group?.sparkline.length ?? 0);
  await expect(row.locator('.spark rect:not(.zero)')).not.toHaveCount(0);
  await row.click();
  await expect(page.locator('pre.stack').first()).toContainText('TimeoutError');
  await page.getByRole('link', { name: 'Open the latest event' }).first().click();
  await expect(page.getByRole('region', { name: 'Event', exact: true })).toBeVisible();
});

test('Resources: the state follows the slider', async ({ signedIn: page }) => {
  const change = (n: number, before: string | null, after: string | null, type = 'agent.updated') =>
    JSON.stringify({
      event_id: `history-${n}`,
      timestamp: `2026-11-0${n}T00:00:00Z`,
      event_type: type,
      actor: { type: 'user', id: 'usr_h' },
      resource: { type: 'agent', id: 'agt_history/1' },
      action: 'update',
      status: 'success',
      metadata: {
        changes: {
          before: before === null ? null : { model: before },
          after: after === null ? null : { model: after },
        },
      },
    });
  await ingest(
    address(),
    key(),
    [change(1, null, 'a', 'agent.created'), change(2, 'a', 'b'), change(3, 'b', null, 'agent.deleted')].join(
      '\n',
    ),
  );
  await go(page, 'resources');
  const types = page.getByRole('region', { name: 'Types with changes' });
  await types.getByRole('button', { name: /^agent/ }).click();
  await page.getByRole('region', { name: 'Most changed: agent' }).getByRole('link').first().click();
  await expect(page.getByRole('slider')).toBeVisible();
  await page.getByRole('link', { name: 'Other resources' }).click();
  await page.getByRole('textbox', { name: 'Type' }).fill('agent');
  await page.getByRole('textbox', { name: 'ID' }).fill('agt_history/1');
  await page.getByRole('button', { name: 'Show history' }).click();
  await expect(page.getByText('It does not exist at this time')).toBeVisible();
  await page.getByRole('button', { name: 'Change before' }).click();
  await expect(page.locator('pre.json')).toContainText('"model": "b"');
  await page.getByRole('slider').fill('0');
  await expect(page.locator('pre.json')).toContainText('"model": "a"');
  await page.reload();
  await expect(page.locator('pre.json')).toContainText('"model": "a"');
  await expect(page.locator('.history-item')).toHaveCount(3);
});

test('Integrity: verification runs and is fresh; a report is made, taken away and checked; a changed one is refused', async ({
  signedIn: page,
}) => {
  await go(page, 'integrity');
  await expect(page.getByText('Signature verified in this browser')).toBeVisible();
  await expect(page.getByLabel('Checkpoint', { exact: true })).toContainText('— ');
  expect(await checkpoint(page)).toMatch(/^\S+\n\d+\n[\s\S]*\n\n— /);
  await page.getByRole('button', { name: 'Copy verifier key' }).click();
  await clipboard(page).toMatch(/^\S+\+[0-9a-f]{8}\+/);
  await page.getByLabel('Deep: also recompute the index').check();
  await page.getByRole('button', { name: 'Run verification' }).click();
  await expect(page.getByText(/events verified: no fault/)).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('region', { name: 'Verification' })).toContainText(
    /to sequence [\d,]+, \d+ s ago.*Index recomputed\s*to sequence [\d,]+, \d+ s ago/s,
  );

  await page.getByRole('button', { name: 'New report' }).click();
  await page.getByLabel('Category').fill('security, agent');
  await page.getByLabel('Status').fill('success');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  const reports = page.getByRole('region', { name: 'Compliance reports' });
  await expect(reports.getByRole('link', { name: 'JSON' })).toBeVisible({ timeout: 60_000 });
  await expect(reports).toContainText('category: agent, security');
  const waiting = page.waitForEvent('download');
  await reports.getByRole('link', { name: 'JSON' }).click();
  const path = await (await waiting).path();
  const chooser = page.getByLabel(/Drop a report/);
  await chooser.setInputFiles({
    name: 'report.json',
    mimeType: 'application/json',
    buffer: readFileSync(path),
  });
  await expect(page.locator('.report-check .verdict.ok')).toContainText(
    'are unaltered records of the signed log',
  );
  const changed = readFileSync(path, 'utf8').replace(
    '\\"status\\":\\"success\\"',
    '\\"status\\":\\"failure\\"',
  );
  const files = await page.evaluateHandle((text) => {
    const held = new DataTransfer();
    held.items.add(new File([text], 'changed.json', { type: 'application/json' }));
    return held;
  }, changed);
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: files });
  await expect(page.locator('.report-check .verdict.bad')).toContainText('Refused: changed.json');
});

test('Settings: a key is shown once, works, and is revoked; types and reads are changed', async ({
  signedIn: page,
}) => {
  await go(page, 'settings');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('Name').fill('browser test');
  // Two quick clicks are one key: the row below is the only one of its name.
  await page.getByRole('button', { name: 'Create key' }).dblclick();
  const secret = (await page.locator('.secret').textContent()) ?? '';
  expect(secret).toMatch(/^stl_/);
  const status = async () =>
    (await fetch(`${address()}/v1/events?limit=1`, { headers: { authorization: `Bearer ${secret}` } }))
      .status;
  expect(await status()).toBe(200);
  await page.getByRole('button', { name: 'Done' }).click();
  const row = page.getByRole('row', { name: /^browser test/ });
  await row.getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(row).toContainText('revoked');
  expect(await status()).toBe(401);

  await page.getByRole('button', { name: 'New type' }).click();
  await page.getByRole('textbox', { name: 'Event type', exact: true }).fill('invoice.paid');
  await page.getByLabel('JSON Schema of metadata').fill('{"type": 1}');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog').getByRole('alert')).not.toBeEmpty();
  await page
    .getByLabel('JSON Schema of metadata')
    .fill('{"type": "object", "properties": {"amount": {"type": "number"}}}');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /^invoice.paid/ })).toContainText('amount');

  await page.getByRole('searchbox', { name: 'Search event types' }).fill('invoice');
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Events that do not fit it').selectOption('refuse');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: /^invoice.paid/ })).toContainText('refuse');
  await expect(
    ingest(
      address(),
      key(),
      JSON.stringify({
        event_type: 'invoice.paid',
        actor: { type: 'system' },
        resource: { type: 'invoice', id: 'inv_1' },
        action: 'pay',
        status: 'success',
        metadata: { amount: 'much' },
      }),
    ),
  ).rejects.toThrow(/amount/);

  await page.getByRole('switch', { name: 'Record reads' }).check();
  await expect(page.getByText('Reads are recorded')).toBeVisible();
  await page.getByRole('switch', { name: 'Record reads' }).uncheck();
  await expect(page.getByText('Reads are no longer recorded')).toBeVisible();
});

test('a panel of settings fails alone, and is asked again', async ({ signedIn: page }) => {
  await page.route(/v1\/users/, (route) =>
    route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      body: '{"title":"Overloaded","detail":"users are resting"}',
    }),
  );
  await go(page, 'settings');
  const users = page.getByRole('region', { name: 'Users', exact: true });
  await expect(users.getByRole('alert')).toContainText('users are resting');
  await expect(page.getByRole('region', { name: 'API keys' }).first().getByRole('table')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Retention' })).toContainText('Searchable');
  await page.unroute(/v1\/users/);
  await users.getByRole('button', { name: 'Try again' }).click();
  await expect(users.getByRole('alert')).toHaveCount(0);
});

test('Users: added, given a token that is shown once, another role, and removed', async ({
  browser,
  page,
}) => {
  await settingsOf(page, 'Users');
  const users = page.getByRole('region', { name: 'Users', exact: true });
  await expect(users).toContainText('No users yet');
  await users.getByRole('button', { name: 'Add a user' }).click();
  const add = page.getByRole('dialog', { name: 'Add a user' });
  await add.getByLabel('E-mail').fill('nobody');
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(add.getByRole('alert')).toContainText('email');
  await add.getByLabel('E-mail').fill('Margaret@Example.com');
  await add.getByLabel('Name').fill('Margaret');
  await add.getByRole('radio', { name: /^admin/ }).check();
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('button', { name: 'Create token' }).click();
  const token = (await page.locator('.secret').textContent()) ?? '';
  await page.getByRole('button', { name: 'Done' }).click();
  const row = users.getByRole('row', { name: /^margaret@example.com/ });
  await expect(row).toContainText('active');

  const other = await (await browser.newContext()).newPage();
  await enter(other, token);
  await go(other, 'settings');
  await expect(other.locator('.org')).toContainText('Margaret, admin');
  await expect(
    other.getByRole('region', { name: 'Users', exact: true }).getByRole('row', { name: /^margaret/ }),
  ).toContainText('you');
  await other.getByRole('button', { name: 'Add a user' }).click();
  await expect(other.getByRole('radio', { name: /^owner/ })).toHaveCount(0);
  await other.keyboard.press('Escape');

  await row.getByLabel('Role of margaret@example.com').selectOption('viewer');
  await expect(page.getByText('margaret@example.com is now viewer')).toBeVisible();
  await other.reload();
  await expect(other.getByText(/keys are seen and changed with the scope admin/)).toBeVisible();
  await expect(other.getByRole('region', { name: 'Your sessions' })).toBeVisible();

  await row.getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await expect(row).toContainText('removed');
  await other.keyboard.press('g');
  await other.keyboard.press('l');
  await expect(other.getByText('Your session has ended.')).toBeVisible();
  await other.context().close();
  await page.reload();
  await expect(page.getByRole('region', { name: 'API keys' }).first()).toContainText('user token');
});

test('Settings: retention is changed with what it means, a hold is set and stays', async ({ page }) => {
  await settingsOf(page, 'Retention');
  const panel = page.getByRole('region', { name: 'Retention' });
  await expect(panel).toContainText('without end');
  await panel.getByRole('button', { name: 'Change' }).click();
  const dialog = page.getByRole('dialog', { name: 'Retention' });
  await dialog.getByRole('radio', { name: /^for/ }).check();
  await dialog.getByLabel('Days searchable').fill('30');
  await expect(dialog).toContainText('They are archived, not deleted');
  await expect(dialog).toContainText('only ever lengthened');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(panel).toContainText('for 30 days');
  const hold = panel.getByRole('switch', { name: 'Legal hold' });
  await hold.click();
  await page
    .getByRole('dialog', { name: 'Set a legal hold' })
    .getByRole('button', { name: 'Set the hold' })
    .click();
  await expect(hold).toBeChecked();
  await expect(hold).toBeDisabled();
  await expect(panel).toContainText('lifted with the instance key only');
});

test('Sessions: a one-time link signs in once; a session that is ended leads back to where it was', async ({
  browser,
  page,
}) => {
  const key = await settingsOf(page, 'Sessions');
  const sessions = page.getByRole('region', { name: 'Sessions', exact: true });
  await expect(sessions.getByRole('row', { name: /this one/ })).toBeVisible();
  await sessions.getByRole('button', { name: 'Sign in elsewhere' }).click();
  const link = (await page.locator('.secret').textContent()) ?? '';
  expect(link).toMatch(/\/#code=/);
  await page.getByRole('button', { name: 'Done' }).click();

  const other = await (await browser.newContext()).newPage();
  await other.goto(link);
  await expect(other.getByRole('navigation', { name: 'Pages' })).toBeVisible();
  await expect.poll(() => other.url()).not.toContain('code');
  const third = await (await browser.newContext()).newPage();
  await third.goto(link);
  await expect(third.getByText('This link was used before, or is older than ten minutes.')).toBeVisible();
  await third.context().close();

  await other.goto(`${pageUrl()}/log?from=all&q=status%3Afailure`);
  await expect(other.locator('.matched')).toHaveText('0 events');
  await page.reload();
  await expect(sessions.getByRole('button', { name: 'End' })).toHaveCount(1);
  await sessions.getByRole('button', { name: 'End' }).click();
  await expect(sessions.getByRole('button', { name: 'End' })).toHaveCount(0);
  await expect(other.getByText('Your session has ended.')).toBeVisible();
  await other.getByLabel('API key').fill(key);
  await other.getByRole('button', { name: 'Sign in' }).click();
  await expect(other.getByRole('textbox', { name: 'Query' })).toHaveValue('status:failure');
  await other.context().close();

  // A call by cookie without the session's token is refused.
  const status = await page.evaluate(
    async () => (await fetch('v1/settings', { method: 'PUT', body: '{"record_reads":true}' })).status,
  );
  expect(status).toBe(403);
});

test('who may only read sees no controls that would be refused', async ({ signedIn: page }) => {
  const made = (await (
    await fetch(`${address()}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'reader', scopes: ['read'] }),
    })
  ).json()) as { secret: string };
  await go(page, 'integrity');
  await page.getByRole('button', { name: 'Sign out' }).click();
  // A page that leaves at once would end the call that signs it out.
  await expect(page.getByRole('heading', { name: 'Sign in to Stele' })).toBeVisible();
  await page.goto(pageUrl());
  await page.getByLabel('API key').fill(made.secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.locator('.table-body .table-row').first()).toBeVisible();
  await go(page, 'settings');
  await expect(page.getByText(/keys are seen and changed with the scope admin/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'New type' })).toHaveCount(0);
  await go(page, 'integrity');
  await expect(page.getByText('needs the scope auditor')).toBeVisible();
  await expect(page.getByRole('button', { name: 'New report' })).toHaveCount(0);
});
