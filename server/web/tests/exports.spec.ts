/** Exports: what the dialog promises is what the file holds. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Locator, Page } from '@playwright/test';
import { api } from './harness/api';
import { BIG, bigOrganization, organization } from './harness/orgs';
import { address, enter, expect, go, test } from './harness/page';
import { ingest } from './harness/server.mjs';

const dialog = (page: Page) => page.getByRole('dialog', { name: 'Export' });

async function open(page: Page): Promise<Locator> {
  await page.getByRole('button', { name: 'Export (x)' }).click();
  return dialog(page);
}

async function download(page: Page, box: Locator): Promise<Buffer> {
  const waiting = page.waitForEvent('download');
  await box.getByRole('link', { name: /Download/ }).click();
  return readFileSync(await (await waiting).path());
}

/** Starts the export and returns its file when it is done. */
async function take(page: Page, box: Locator): Promise<Buffer> {
  await box.getByRole('button', { name: 'Export', exact: true }).click();
  await expect(box.getByRole('link', { name: /Download/ })).toBeVisible({ timeout: 60_000 });
  return download(page, box);
}

const events = Array.from({ length: 40 }, (_, i) => ({
  event_id: `export-${i}`,
  timestamp: new Date(Date.UTC(2026, 10, 1, 0, i)).toISOString(),
  event_type: 'agent.updated',
  actor: { type: 'user', id: 'usr_1', email: 'ada@example.com' },
  resource: { type: 'agent', id: `agt_${i}`, name: i === 0 ? '=1+1' : `a "quoted", name ${i}` },
  action: 'update',
  status: i % 4 === 0 ? 'failure' : 'success',
  metadata: { latency_ms: i, note: i === 0 ? '@SUM(A1)' : 'line\r\nbreak' },
}));

test('files hold what the list has: CSV with chosen fields, JSON, NDJSON packed', async ({ page }) => {
  const key = await organization('Exports');
  await ingest(address(), key, events.map((each) => JSON.stringify(each)).join('\n'));
  await enter(page, key);
  await go(page, 'log?from=all&q=status%3Afailure&order=asc');
  const box = await open(page);
  await expect(box.getByRole('status').filter({ hasText: /^10$/ })).toBeVisible();
  const preview = box.getByLabel('First five rows');
  await expect(preview).toContainText("'=1+1");
  await box.getByLabel('Guard against formulas').uncheck();
  await expect(preview).not.toContainText("'=1+1");
  await expect(preview).toContainText('=1+1');
  await box.getByLabel('Guard against formulas').check();
  await box.getByRole('button', { name: 'Chosen' }).click();
  const chosen = box.getByRole('list', { name: 'Chosen fields' });
  await expect(chosen.getByRole('listitem').first()).toBeVisible();
  await expect(chosen.getByRole('listitem').first()).toHaveText('timestamp');
  for (const field of ['event_id', 'resource.name', 'metadata.latency_ms'])
    await box.getByRole('button', { name: `Add ${field}`, exact: true }).click();
  await expect(chosen.getByRole('listitem').last()).toHaveText('metadata.latency_ms');
  for (const field of await chosen.getByRole('listitem').allTextContents()) {
    if (!['event_id', 'resource.name', 'metadata.latency_ms'].includes(field))
      await chosen.getByRole('button', { name: `Leave out ${field}`, exact: true }).click();
  }
  await chosen.getByRole('button', { name: 'Move metadata.latency_ms up' }).click();
  await box.getByLabel('Field to add').fill('metadata.note');
  await box.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(preview).toContainText('event_id,metadata.latency_ms,resource.name,metadata.note');
  const csv = (await take(page, box)).toString();
  const rows = csv.split('\r\n');
  expect(rows[0]).toBe('event_id,metadata.latency_ms,resource.name,metadata.note');
  expect(rows[1]).toBe("export-0,0,'=1+1,'@SUM(A1)");
  expect(csv.match(/^export-\d+,/gm)).toHaveLength(10);
  await expect(box).toContainText(`sha256:${createHash('sha256').update(csv).digest('hex')}`);

  await box.getByRole('button', { name: 'Another export' }).click();
  await box.getByRole('button', { name: 'JSON', exact: true }).click();
  await box.getByLabel('Indented').check();
  await expect(preview).toContainText('"event_id": "export-0"');
  const json = JSON.parse((await take(page, box)).toString()) as { event_id: string }[];
  expect(json.map((each) => each.event_id)).toEqual(
    events.filter((each) => each.status === 'failure').map((each) => each.event_id),
  );

  await box.getByRole('button', { name: 'Another export' }).click();
  await box.getByRole('button', { name: 'NDJSON' }).click();
  await expect(preview).toContainText('"chain":{');
  await expect.poll(async () => (await preview.innerText()).trim().split('\n').length).toBe(5);
  await box.getByRole('button', { name: 'gzip' }).click();
  const lines = gunzipSync(await take(page, box))
    .toString()
    .trim()
    .split('\n');
  const listed = await fetch(`${address()}/v1/events?q=status%3Afailure&order=asc&limit=10`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(await listed.text()).toContain(`{"events":[${lines.join(',')}]`);

  await box.getByRole('button', { name: 'Earlier exports' }).click();
  await expect(box.getByRole('article')).toHaveCount(3);
  await expect(box.getByRole('article').first()).toContainText('NDJSON');
  await expect(box.getByRole('article').first()).toContainText('status:failure');
  await expect(box.getByRole('article').first().locator('.export-state')).toHaveText('done');
  await page.keyboard.press('Escape');
  await go(page, 'log?from=all&q=event_type%3Astele.export_created');
  await expect(page.locator('.matched')).toHaveText('3 events');
});

test('the eleventh export of an hour is refused with when to come back; readers see and do not ask', async ({
  page,
}) => {
  const key = await organization('Limit');
  await ingest(address(), key, events.map((each) => JSON.stringify(each)).join('\n'));
  for (let i = 0; i < 10; i++) await api('exports', 'POST', { format: 'ndjson' }, key);
  await enter(page, key);
  await go(page, 'log?from=all');
  const box = await open(page);
  await box.getByRole('button', { name: 'Export', exact: true }).click();
  await expect(box.getByRole('alert')).toContainText(/next one can be asked for in \d+ min/);
  await expect(page.getByText(/Too many requests for this key/)).toHaveCount(0);
  await page.keyboard.press('Escape');

  const reader = await api<{ secret: string }>('keys', 'POST', { name: 'reader', scopes: ['read'] }, key);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in to Stele' })).toBeVisible();
  await enter(page, reader.secret);
  await go(page, 'log');
  await page.keyboard.press('x');
  await expect(dialog(page).getByText('Making an export needs the scope export.')).toBeVisible();
  await expect(dialog(page).getByRole('article')).toHaveCount(10);
  await expect(dialog(page).getByRole('button', { name: 'New export' })).toHaveCount(0);
  await expect(dialog(page).getByRole('link', { name: /Download/ })).toHaveCount(0);
});

test('more than fits is told with the parts that do; one of them is under way, and cancelled', async ({
  page,
}) => {
  test.setTimeout(240_000);
  const key = await bigOrganization();
  await enter(page, key);
  await go(page, 'log?from=all');
  const box = await open(page);
  await expect(box).toContainText(`${BIG.toLocaleString('en-US')} more than the 100,000 of one export`);
  await box.getByRole('button', { name: 'Show parts that fit' }).click();
  const parts = box.getByRole('button', { name: /events$/ });
  await expect(parts.first()).toBeVisible();
  await expect(parts.nth(1)).toBeVisible();
  const counts = (await parts.allTextContents()).map((each) =>
    Number(/· ([\d,]+) events/.exec(each)?.[1]?.replaceAll(',', '')),
  );
  expect(counts.reduce((sum, each) => sum + each, 0)).toBe(BIG);
  expect(Math.max(...counts)).toBeLessThanOrEqual(100_000);
  await parts.first().click();
  await expect(
    box.getByRole('status').filter({ hasText: counts[0]?.toLocaleString('en-US') ?? '' }),
  ).toBeVisible();
  // It must not be done before it is cancelled: exports are written one after the other, and these come before it.
  const before = await Promise.all(
    [1, 2, 3].map(() =>
      api<{ id: string }>('exports', 'POST', { format: 'ndjson', compression: 'zstd', bulk: true }, key),
    ),
  );
  await box.getByRole('button', { name: 'Export', exact: true }).click();
  await box.getByRole('button', { name: 'Cancel' }).click();
  await expect(box.locator('.export-state')).toHaveText('cancelled');
  for (const { id } of before)
    await api(`exports/${id}/cancel`, 'POST', undefined, key).catch(() => undefined);

  // The enterprise plan takes all of it, in parts with a manifest.
  await page.keyboard.press('Escape');
  await open(page);
  await box.getByRole('button', { name: 'NDJSON' }).click();
  await box.getByRole('button', { name: 'gzip' }).click();
  await box.getByLabel('Bulk: without the limit').check();
  await expect(box).not.toContainText('more than the 100,000');
  await box.getByRole('button', { name: 'Export', exact: true }).click();
  await expect(box.getByRole('link', { name: 'Manifest' })).toBeVisible({ timeout: 120_000 });
  await expect(box.getByRole('listitem')).toHaveCount(3);
  const file = async (name: string) => {
    const waiting = page.waitForEvent('download');
    await box.getByRole('link', { name }).click();
    return readFileSync(await (await waiting).path());
  };
  const manifest = JSON.parse((await file('Manifest')).toString()) as {
    entries: number;
    chunks: { entries: number; sha256: string }[];
  };
  expect(manifest.entries).toBe(BIG);
  expect(manifest.chunks.map((each) => each.entries)).toEqual([100_000, BIG - 100_000]);
  const part = await file('Part 2');
  expect(createHash('sha256').update(part).digest('hex')).toBe(manifest.chunks[1]?.sha256);
  expect(gunzipSync(part).toString().trim().split('\n')).toHaveLength(BIG - 100_000);
});
