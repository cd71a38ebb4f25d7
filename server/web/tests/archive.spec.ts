/** The archive: what leaves is named where it is missed, and comes back. */
import { BIG, bigOrganization } from './harness/orgs';
import { enter, expect, expectInAddress, go, test } from './harness/page';

test('archived, missed by a search, restored from there, and found again', async ({ page }) => {
  test.setTimeout(300_000);
  await enter(page, await bigOrganization());
  await go(page, 'archive');
  const where = page.getByRole('region', { name: 'What is where' });
  await expect(where).toContainText('Nothing is in the archive.');
  await expect(page.getByRole('region', { name: 'Policy' })).toContainText('Searchable');
  await page.getByRole('button', { name: 'Archive earlier' }).click();
  const earlier = page.getByRole('dialog', { name: 'Archive earlier' });
  await earlier.getByLabel('Stored before').fill('soon');
  await earlier.getByRole('button', { name: 'Archive', exact: true }).click();
  await expect(earlier.getByRole('alert')).toContainText('before');
  await earlier.getByLabel('Stored before').fill('now');
  await earlier.getByRole('button', { name: 'Archive', exact: true }).click();
  await expect(earlier).toHaveCount(0);
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(where).not.toHaveClass(/busy-now/);
    await expect(where.getByRole('row', { name: /^Archived/ })).toBeVisible({ timeout: 1000 });
  }).toPass({ timeout: 120_000 });
  const archived = where.getByRole('row', { name: /^Archived/ });
  await expect(archived).toContainText('131,072');
  await page.screenshot({ path: 'tests/screens/archive-archived.png' });

  await go(page, 'log?from=2026-05-01T00:00:00Z&to=2026-05-02T00:00:00Z');
  await expect(page.locator('.query-note')).toContainText('Not searched: 131,072 events');
  await expect(page.getByText('No events in this range of time')).toBeVisible();
  await go(page, 'log?event=big-1');
  await expect(page.getByRole('region', { name: 'Event', exact: true }).getByRole('link')).toHaveText(
    'Restore them',
  );
  await page.goBack();
  await page.getByRole('link', { name: 'Restore them' }).click();
  const dialog = page.getByRole('dialog', { name: 'Restore from the archive' });
  await expect(dialog.getByLabel('From')).toHaveValue(/^2026-05-01T/);
  await expect(dialog.getByLabel('To, not included')).toHaveValue(/^2026-/);
  await expect(dialog).toContainText('About 131,072 archived events');
  await dialog.getByLabel('Searchable for').fill('3');
  await dialog.getByLabel('Reason').fill('case <b>4711</b>');
  // It may be done before it is looked at: until it was seen under way, the answers are those of its beginning.
  let seen = false;
  await page.route(/v1\/restores\?/, async (route) => {
    const answer = await route.fetch();
    const { restores: all } = (await answer.json()) as { restores: object[] };
    const begun = all.map((each) => ({ ...each, status: 'running', done: 0, total: 1, overdue: false }));
    await route.fulfill({ response: answer, json: { restores: seen ? all : begun } });
  });
  await dialog.getByRole('button', { name: 'Restore', exact: true }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole('progressbar', { name: 'Restore: 0 of 1 segments' })).toBeVisible();
  seen = true;
  const restores = page.getByRole('region', { name: 'Restores' }).first();
  await expect(restores).toContainText('case <b>4711</b>');
  await expect(restores.getByText('done', { exact: true })).toBeVisible({ timeout: 120_000 });
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await expect(restores).toContainText('expires in');
  await expect(where.getByRole('row', { name: /^Restored/ })).toContainText('131,072');
  await page.screenshot({ path: 'tests/screens/archive-restored.png' });
  await expectInAddress(page, 'restore_from', '');
  await go(page, 'log?from=all');
  await expect(page.locator('.matched')).toHaveText(`${BIG.toLocaleString('en-US')} events`);
  await expect(page.locator('.query-note')).toHaveCount(0);
});
