/** Saved views, in two browsers of one person and in that of another. */
import type { Browser, Page } from '@playwright/test';
import { api, person } from './harness/api';
import { enter, expect, expectInAddress, go, inAddress, pageUrl, test } from './harness/page';

const menu = (page: Page) => page.getByTitle('Saved views');
const link = (page: Page, name: string) => page.getByRole('link', { name, exact: true });
const row = (page: Page, name: string) => page.locator('.views li').filter({ has: link(page, name) });
const group = (page: Page, title: string) => page.getByRole('region', { name: title, exact: true });

/** What a change in one browser may take to be seen in another. */
const SOON_MS = 2000;

/**
 * From the server's answer to a change in one browser until the list of another is drawn with it, by the clocks of the
 * browsers: how long the test itself takes to click, and to look, is no part of it. Nor is what the machine is behind
 * with: the longest that a timer and a question without any work took in that browser meanwhile.
 */
async function stopwatch(from: Page, to: Page): Promise<() => Promise<void>> {
  let changed = Promise.resolve(0);
  from.on('request', (asked) => {
    if (asked.method() === 'GET' || !asked.url().includes('/v1/views')) return;
    changed = asked
      .response()
      .then((answer) => answer?.finished())
      .then(() => asked.timing().startTime + asked.timing().responseStart);
  });
  await to.evaluate(() => {
    const list = () => document.querySelector('.views')?.textContent ?? '';
    let before = list();
    new MutationObserver(() => {
      const now = list();
      if (now === before) return;
      before = now;
      (window as unknown as { drawn: number }).drawn = Date.now();
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
    const PAUSE_MS = 100;
    const held = window as unknown as { behind: number };
    held.behind = 0;
    const look = async (): Promise<void> => {
      const began = Date.now();
      await new Promise((done) => setTimeout(done, PAUSE_MS));
      await fetch('healthz', { cache: 'no-store' });
      held.behind = Math.max(held.behind, Date.now() - began - PAUSE_MS);
      return look();
    };
    look().catch(() => undefined);
  });
  return async () => {
    const { drawn, behind } = await to.evaluate(() => {
      const held = window as unknown as { drawn: number; behind: number };
      const now = { drawn: held.drawn, behind: held.behind };
      held.behind = 0;
      return now;
    });
    const took = drawn - (await changed);
    expect(took - behind, `seen after ${took} ms on a machine that was ${behind} ms behind`).toBeLessThan(
      SOON_MS,
    );
    if (process.env['STELE_TIMES']) console.log(`seen after ${Math.round(took)} ms, ${behind} ms behind`);
  };
}

async function browserOf(browser: Browser, token: string): Promise<Page> {
  const page = await (await browser.newContext({ locale: 'en-GB' })).newPage();
  await enter(page, token);
  await go(page, 'log');
  return page;
}

/** Types a query, and shuts the suggestions, which lie over what is below. */
async function write(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Query' }).fill(text);
  await page.keyboard.press('Escape');
}

async function save(page: Page, name: string, shared = false): Promise<void> {
  await menu(page).click();
  await page.getByRole('button', { name: 'Save this search as a view' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save as a view' });
  await dialog.getByLabel('Name').fill(name);
  if (shared) await dialog.getByLabel('Share it').check();
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(dialog).toHaveCount(0);
}

test('the examples are there, open, tell when they are modified, and are updated or discarded', async ({
  browser,
}) => {
  const page = await browserOf(browser, (await person('developer', 'Barbara')).token);
  await menu(page).click();
  for (const [name, q, from] of [
    ['Failed API Calls', 'category:api status:failure', 'now-24h'],
    ['Agent Changes', 'category:agent', 'now-7d'],
    ['Security Events', 'category:(security OR auth)', 'now-30d'],
    ['Deployments', 'event_type:*deployed*', 'now-7d'],
  ] as const) {
    await link(page, name).click();
    await expect(menu(page)).toHaveText(name);
    await expect(page.getByRole('textbox', { name: 'Query' })).toHaveValue(q);
    await expectInAddress(page, 'from', from);
    await expect(page.locator('.tag.modified')).toHaveCount(0);
    await menu(page).click();
  }
  await page.keyboard.press('Escape');
  await write(page, 'event_type:*deployed* status:failure');
  await expect(page.locator('.tag.modified')).toHaveText('modified');
  await page.getByRole('button', { name: 'Discard' }).click();
  await expect(page.getByRole('textbox', { name: 'Query' })).toHaveValue('event_type:*deployed*');
  await expect(page.locator('.tag.modified')).toHaveCount(0);

  // What is modified is kept beside it under a name of its own.
  await write(page, 'event_type:*deployed* status:pending');
  await page.getByRole('button', { name: 'Save as' }).click();
  const other = page.getByRole('dialog', { name: 'Save as a view' });
  await expect(other.getByLabel('Name')).toBeFocused();
  await expect(other.getByLabel('Name')).toHaveValue('Deployments (copy)');
  await other.getByLabel('Name').fill(' ');
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(other.getByRole('alert')).toHaveText('Give it a name.');
  await other.getByLabel('Name').fill('Deployments under way');
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(menu(page)).toHaveText('Deployments under way');
  await menu(page).click();
  await link(page, 'Deployments').click();
  await expect(page.getByRole('textbox', { name: 'Query' })).toHaveValue('event_type:*deployed*');

  // Order and columns are parts of it.
  await page.getByTitle('Newest first').click();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('button', { name: 'Hide Actor', exact: true }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Update', exact: true }).click();
  await expect(page.getByText('Deployments updated')).toBeVisible();
  await expect(page.locator('.tag.modified')).toHaveCount(0);
  await expectInAddress(page, 'view', /./);
  const id = inAddress(page, 'view');
  await page.goto(`${pageUrl()}/log?view=${id}`);
  await expect(menu(page)).toHaveText('Deployments');
  await expectInAddress(page, 'order', 'asc');
  await expect(page.getByRole('columnheader', { name: /^Actor/ })).toHaveCount(0);
  await menu(page).click();
  await page.getByRole('button', { name: 'Close the view' }).click();
  await expect(page.getByRole('columnheader', { name: /^Actor/ })).toHaveCount(1);
  await page.context().close();
});

test('saved, renamed, starred, moved and deleted in one browser is so in the other within two seconds', async ({
  browser,
}) => {
  const ada = await person('admin', 'Ada');
  const [one, two] = [await browserOf(browser, ada.token), await browserOf(browser, ada.token)];
  await menu(two).click();
  await expect(link(two, 'Agent Changes')).toBeVisible();
  const wasSoon = await stopwatch(one, two);

  await go(one, 'log?from=now-7d&q=status%3Afailure');
  await save(one, 'Mine');
  await expect(link(two, 'Mine')).toBeVisible();
  await wasSoon();

  await menu(one).click();
  await one.getByRole('button', { name: 'More for Mine' }).click();
  await one.getByRole('button', { name: 'Rename' }).click();
  await one.getByLabel('New name of Mine').fill('Failures of the week');
  await one.keyboard.press('Enter');
  await expect(link(two, 'Failures of the week')).toBeVisible();
  await wasSoon();
  await expect(link(two, 'Mine')).toHaveCount(0);

  await one.getByRole('button', { name: 'Star Failures of the week' }).click();
  await expect(group(two, 'Starred').getByRole('link')).toHaveText(['Failures of the week']);
  await wasSoon();

  const names = (page: Page) => group(page, 'Yours').getByRole('link');
  await expect(names(two)).toHaveText([
    'Failed API Calls',
    'Agent Changes',
    'Security Events',
    'Deployments',
  ]);
  await one.getByRole('button', { name: 'More for Deployments' }).click();
  await one.getByRole('button', { name: 'Move Deployments up' }).click();
  const after = ['Failed API Calls', 'Agent Changes', 'Deployments', 'Security Events'];
  await expect(names(one)).toHaveText(after);
  await expect(names(two)).toHaveText(after);
  await wasSoon();

  await one.getByRole('button', { name: 'More for Failures of the week' }).click();
  await row(one, 'Failures of the week').getByRole('button', { name: 'Delete' }).click();
  await expect(link(two, 'Failures of the week')).toHaveCount(0);
  await wasSoon();
  await one.getByRole('button', { name: 'Undo' }).click();
  await expect(group(two, 'Starred').getByRole('link')).toHaveText(['Failures of the week']);
  await wasSoon();
  await Promise.all([one.context().close(), two.context().close()]);
});

test('another user sees a view only while it is shared, and may star but not change it', async ({
  browser,
}) => {
  const [grace, linus] = [await person('developer', 'Grace'), await person('viewer', 'Linus')];
  const [hers, his] = [await browserOf(browser, grace.token), await browserOf(browser, linus.token)];
  await go(hers, 'log?from=now-7d&q=category%3Aauth');
  await save(hers, 'Sign-ins');
  await expectInAddress(hers, 'view', /./);
  const id = inAddress(hers, 'view');
  await menu(his).click();
  await expect(link(his, 'Agent Changes')).toBeVisible();
  await his.waitForTimeout(1500);
  await expect(his.getByRole('link', { name: /Sign-ins/ })).toHaveCount(0);
  await go(his, `log?view=${id}`);
  await expect(his.getByText('This view was deleted, or is not shared with you.')).toBeVisible();
  await his.getByRole('button', { name: 'Dismiss' }).click();

  await menu(hers).click();
  await hers.getByRole('button', { name: 'More for Sign-ins' }).click();
  await menu(his).click();
  const wasSoon = await stopwatch(hers, his);
  await hers.getByRole('button', { name: 'Share', exact: true }).click();
  const shared = group(his, 'Shared by others').getByRole('link', { name: /^Sign-ins.*Grace$/ });
  await expect(shared).toBeVisible();
  await wasSoon();
  await his.getByRole('button', { name: 'More for Sign-ins' }).click();
  await expect(his.getByRole('button', { name: 'Copy link' })).toBeVisible();
  await expect(his.getByRole('button', { name: 'Delete' })).toHaveCount(0);
  await his.getByRole('button', { name: 'Star Sign-ins' }).click();
  await expect(group(his, 'Starred').getByRole('link')).toBeVisible();
  await expect(group(hers, 'Starred')).toHaveCount(0);
  await group(his, 'Starred').getByRole('link').click();
  await expect(his.getByRole('textbox', { name: 'Query' })).toHaveValue('category:auth');
  await write(his, 'category:auth status:failure');
  await expect(his.locator('.tag.modified')).toHaveText('modified');
  await expect(his.getByRole('button', { name: 'Update', exact: true })).toHaveCount(0);
  await expect(his.getByRole('button', { name: 'Save as' })).toBeVisible();
  await his.getByRole('button', { name: 'Discard' }).click();

  // Who has it open and unchanged follows its owner's changes.
  await api(`views/${id}`, 'PUT', { q: 'category:auth status:success' }, grace.token);
  await expect(his.getByRole('textbox', { name: 'Query' })).toHaveValue('category:auth status:success');
  await hers.getByRole('button', { name: 'Stop sharing' }).click();
  await expect(his.locator('.tag.modified')).toHaveText('deleted elsewhere');
  await Promise.all([hers.context().close(), his.context().close()]);
});

test('two changes of one view: the later is told, and nothing is overwritten unasked', async ({
  browser,
}) => {
  const ada = await person('developer', 'Ada');
  const page = await browserOf(browser, ada.token);
  await go(page, 'log?from=now-7d&q=category%3Aagent');
  await save(page, 'Contested');
  await expectInAddress(page, 'view', /./);
  const id = inAddress(page, 'view');
  const stored = async () =>
    (await api<{ views: { id: string; q: string }[] }>('views', 'GET', undefined, ada.token)).views.find(
      (each) => each.id === id,
    )?.q;
  await write(page, 'category:agent action:update');
  await expect(page.locator('.tag.modified')).toBeVisible();
  await api(`views/${id}`, 'PUT', { q: 'category:agent action:create' }, ada.token);
  await expect(page.locator('.tag.modified')).toHaveText('modified, here and elsewhere');
  await page.getByRole('button', { name: 'Update', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Changed elsewhere' });
  await expect(dialog).toContainText('category:agent action:create');
  expect(await stored()).toBe('category:agent action:create');
  await dialog.getByRole('button', { name: 'Overwrite it' }).click();
  await expect(dialog).toHaveCount(0);
  expect(await stored()).toBe('category:agent action:update');
  await expect(page.locator('.tag.modified')).toHaveCount(0);
  await page.context().close();
});
