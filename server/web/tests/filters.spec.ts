/** Every control of the activity log edits the query and the address; what is shown follows them. */
import type { Page } from '@playwright/test';
import { api } from './harness/api';
import { expect, expectInAddress, go, inAddress, test } from './harness/page';

const box = (page: Page) => page.getByRole('textbox', { name: 'Query' });
const matched = (page: Page) => page.locator('.matched');
const firstRow = (page: Page) => page.locator('.table-body .table-row').first();

interface Counts {
  matched: number;
  facets: Record<string, { values: { value: string; count: number }[] }>;
}

const counts = (q: string, fields = 'status', more = '') =>
  api<Counts>(`facets?fields=${fields}${q === '' ? '' : `&q=${encodeURIComponent(q)}`}${more}`);
const figure = (n: number) => n.toLocaleString('en-US');

const facet = (page: Page, label: string) =>
  page.locator('.facet', { has: page.getByText(label, { exact: true }) });

test('each filter counts, writes its clause, and is cleared', async ({ signedIn: page }) => {
  await go(page, 'log?from=all');
  for (const [label, field, name] of [
    ['Category', 'category', 'category'],
    ['Status', 'status', 'status'],
    ['Actor type', 'actor.type', 'actor_type'],
    ['Actor e-mail', 'actor.email', 'actor_email'],
    ['Resource type', 'resource.type', 'resource_type'],
    ['Event type', 'event_type', 'event_type'],
  ] as const) {
    const most = (await counts('', name)).facets[name]?.values[0];
    if (!most) throw new Error(`no values of ${name}`);
    const value = facet(page, label)
      .locator('.facet-value')
      .filter({ has: page.locator(`.facet-name[title="${most.value}"]`) });
    await expect(value.locator('.facet-count')).toHaveText(figure(most.count));
    await value.click();
    await expect(box(page)).toHaveValue(new RegExp(`^${field}[:=]${most.value}$`));
    await expect.poll(() => inAddress(page, 'q')).toBe(await box(page).inputValue());
    await expect(matched(page)).toHaveText(`${figure(most.count)} events`);
    await expect(value.getByRole('checkbox')).toBeChecked();
    await facet(page, label).getByRole('button', { name: 'Clear' }).click();
    await expect(box(page)).toHaveValue('');
  }
});

test('keys and resources are found by a part of their name, and counted only then', async ({
  signedIn: page,
}) => {
  const busiest = async (name: string, more = '') =>
    (await counts('', name, more)).facets[name]?.values[0] ?? { value: '', count: 0 };
  const [key, resource] = [await busiest('actor_name', '&actor_type=api_key'), await busiest('resource_id')];
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/v1/facets'))
      asked.push(new URL(request.url()).searchParams.get('fields') ?? '');
  });
  await go(page, 'log?from=all');
  await expect(matched(page)).toHaveText(/ events$/);
  expect(asked.filter((each) => /actor_name|resource_id/.test(each))).toEqual([]);
  await page.getByRole('searchbox', { name: 'Search actor name' }).fill(key.value.slice(0, -1));
  await facet(page, 'Actor name').locator(`.facet-name[title="${key.value}"]`).click();
  await expect(box(page)).toHaveValue(new RegExp(`^actor\\.name:"?${key.value}"?$`));
  await expect(matched(page)).toHaveText(
    `${figure((await counts(`actor.name:"${key.value}"`)).matched)} events`,
  );
  await facet(page, 'Actor name').getByRole('button', { name: 'Clear' }).click();
  await page.getByRole('searchbox', { name: 'Search resource id' }).fill(resource.value);
  const found = facet(page, 'Resource ID')
    .locator('.facet-value')
    .filter({ has: page.locator(`.facet-name[title="${resource.value}"]`) });
  await expect(found.locator('.facet-count')).toHaveText(figure(resource.count));
  await found.click();
  await expect(matched(page)).toHaveText(`${figure(resource.count)} events`);
  await page.reload();
  await expect(found.getByRole('checkbox')).toBeChecked();
});

test('what is typed in one go is asked once, and what is overtaken is cancelled', async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all');
  await expect(firstRow(page)).toBeVisible();
  const asked: string[] = [];
  page.on('request', (request) => {
    const q = new URL(request.url()).searchParams.get('q');
    // Completion reads some events of its own, without a query.
    if (/v1\/events\?/.test(request.url()) && q !== null) asked.push(q);
  });
  await box(page).evaluate((element: HTMLTextAreaElement) => {
    for (const char of 'category:security') {
      element.value += char;
      element.dispatchEvent(new Event('input', { bubbles: true }));
    }
  });
  await expect(matched(page)).toHaveText(`${figure((await counts('category:security')).matched)} events`);
  expect(asked).toEqual(['category:security']);

  await page.route(/v1\/events\?.*held_word/, () => undefined);
  const cancelled = page.waitForEvent('requestfailed', (request) => /held_word/.test(request.url()));
  await box(page).fill('held_word');
  await expect.poll(() => asked.at(-1)).toBe('held_word');
  await box(page).fill('status:failure');
  expect((await cancelled).failure()?.errorText).toBe('net::ERR_ABORTED');
  await expect(firstRow(page)).toContainText('failure');
});

test("the log's own events, the histogram and the filters are shown and put away", async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all');
  const without = (await counts('')).matched;
  await expect(matched(page)).toHaveText(`${figure(without)} events`);
  const view = page.getByRole('button', { name: 'View', exact: true });
  await view.click();
  await page.getByRole('button', { name: "The log's own events" }).click();
  await expectInAddress(page, 'own', 'true');
  const all = async () => (await counts('', 'status', '&own=true')).matched;
  // The log may store one of its own between the two counts.
  await expect(async () => {
    await page.keyboard.press('r');
    await expect(matched(page)).toHaveText(`${figure(await all())} events`, { timeout: 2000 });
  }).toPass();
  expect(await all()).toBeGreaterThan(without);
  await page.getByRole('button', { name: "The log's own events" }).click();
  await page.getByRole('button', { name: 'Histogram' }).click();
  await expect(page.locator('.histogram')).toHaveCount(0);
  await page.getByRole('button', { name: 'Histogram' }).click();
  await expect(page.locator('.histogram')).toBeVisible();
  await page.keyboard.press('Escape');
  const filters = page.getByRole('complementary', { name: 'Filters' });
  await page.keyboard.press('f');
  await expect(filters).toHaveCount(0);
  await page.reload();
  await expect(firstRow(page)).toBeVisible();
  await expect(filters).toHaveCount(0);
  await page.keyboard.press('f');
  await expect(filters).toBeVisible();
  // Narrow, they would lie over the list: there they open when they are asked for.
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(filters).toHaveCount(0);
  await page.getByRole('button', { name: 'Show filters (f)' }).click();
  await filters.getByRole('button', { name: 'Close filters' }).click();
  await expect(filters).toHaveCount(0);
  await page.setViewportSize({ width: 1440, height: 900 });
  await expect(filters).toBeVisible();
});

test('local time and UTC, light and dark: chosen once, kept', async ({ signedIn: page }) => {
  await go(page, 'log?from=all');
  const time = firstRow(page).locator('time');
  const utc = ((await time.getAttribute('datetime')) ?? '').slice(0, 19).replace('T', ' ');
  await expect(time).not.toContainText(utc);
  const zone = page.getByTitle('Switch between local time and UTC');
  await zone.click();
  await expect(zone).toHaveText('UTC');
  await expect(time).toContainText(utc);
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.getByRole('button', { name: 'Theme: system' }).click();
  const light = await ground();
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await expect.poll(ground).not.toBe(light);
  const dark = await ground();
  await page.reload();
  await expect(time).toContainText(utc);
  await expect.poll(ground).toBe(dark);
  await page.getByRole('button', { name: 'Theme: dark' }).click();
  await expect(page.getByRole('button', { name: 'Theme: system' })).toBeVisible();
});

test('an empty list says why, and leads out', async ({ signedIn: page }) => {
  const q = 'category:security action:nothing_like_it';
  await go(page, `log?q=${encodeURIComponent(q)}`);
  await expect(page.getByText('No events match this query in this range of time')).toBeVisible();
  await page.getByRole('button', { name: 'Search all time' }).click();
  await expectInAddress(page, 'from', 'all');
  await expect(page.getByRole('button', { name: 'Search all time' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Without action:nothing_like_it' }).click();
  await expect(box(page)).toHaveValue('category:security');
  await expect(firstRow(page)).toBeVisible();
  await go(page, 'log?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z');
  await expect(page.getByText('No events in this range of time')).toBeVisible();
  await go(page, 'log?event=nobody');
  await expect(page.getByText('No event has this id')).toBeVisible();
});
