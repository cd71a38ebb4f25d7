/** A page of a signed-in person, on which every complaint of the browser is a failure. */
import { test as base, expect, type Page } from '@playwright/test';

export { expect };

export const pageUrl = () => process.env['STELE_PAGE'] as string;
export const address = pageUrl;
export const key = () => process.env['STELE_KEY'] as string;

/** Refusals that a test provokes are also told on the console. */
const PROVOKED = /status of (400|401|403|404|409|422|429)|net::ERR|the server responded/i;

export async function signIn(page: Page, secret = key()): Promise<void> {
  await page.goto(pageUrl());
  await page.getByLabel('API key').fill(secret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
}

/** A session without the form, which has tests of its own. */
export async function enter(page: Page, secret = key()): Promise<void> {
  const answer = await page.request.post(`${pageUrl()}/v1/session`, { data: { key: secret } });
  expect(answer.status()).toBe(200);
}

export const test = base.extend<{ signedIn: Page }>({
  signedIn: async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (fault) => complaints.push(`error: ${fault.message}`));
    page.on('console', (said) => {
      if (said.type() === 'error' && !PROVOKED.test(said.text())) complaints.push(said.text());
    });
    page.on('request', (asked) => {
      if (!asked.url().startsWith(pageUrl()) && !asked.url().startsWith('blob:'))
        complaints.push(`asks elsewhere: ${asked.url()}`);
    });
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await enter(page);
    await use(page);
    expect(complaints).toEqual([]);
  },
});

/** A part of the address, asked again until it is as expected: the browser tells the test of it later than the page. */
export const inAddress = (page: Page, name: string) => new URL(page.url()).searchParams.get(name) ?? '';

export async function expectInAddress(page: Page, name: string, value: string | RegExp): Promise<void> {
  const now = expect.poll(() => inAddress(page, name));
  await (typeof value === 'string' ? now.toBe(value) : now.toMatch(value));
}

/** What was copied. A click is over before the clipboard has it. */
export const clipboard = (page: Page) =>
  expect.poll(() => page.evaluate(() => navigator.clipboard.readText()));

export async function go(page: Page, path: string): Promise<void> {
  await page.goto(`${pageUrl()}/${path}`);
  await expect(page.getByRole('navigation', { name: 'Pages' })).toBeVisible();
}
