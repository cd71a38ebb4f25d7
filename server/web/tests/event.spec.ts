/** One event, beside the list: every value can be asked for, left out and copied; what belongs to it is found. */
import type { Page } from '@playwright/test';
import { api } from './harness/api';
import { address, clipboard, expect, expectInAddress, go, key, test } from './harness/page';
import { ingest } from './harness/server.mjs';

const box = (page: Page) => page.getByRole('textbox', { name: 'Query' });
const drawer = (page: Page) => page.getByRole('region', { name: 'Event', exact: true });

const STACK = `Error: connection lost
    at connect (/srv/app/db.js:10:5)
    at next (/srv/app/node_modules/pool/index.js:3:1)`;

function event(n: number): string {
  return JSON.stringify({
    event_id: `related-${n}`,
    event_type: n === 0 ? 'api.error' : 'agent.updated',
    actor: { type: 'user', id: 'usr_related', email: 'grace@example.com', ip_address: '2001:db8::77' },
    resource: { type: 'agent', id: 'agt_related' },
    action: 'update',
    status: n === 0 ? 'failure' : 'success',
    metadata: {
      request_id: 'req_related',
      session_id: 'ses_related',
      note: 'two words',
      deep: { list: [1, { inner: true }] },
      ...(n === 0 ? { message: 'connection lost', stack: STACK } : {}),
    },
  });
}

test.beforeAll(async () => {
  await ingest(address(), key(), [0, 1, 2].map(event).join('\n'));
});

test('values of the metadata filter, leave out, become columns and are copied', async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all&event=related-1');
  const pane = drawer(page);
  await expect(pane.locator('.sentence')).toContainText('update of agent agt_related by grace@example.com');
  await expect(pane).toContainText('2001:db8::77');
  await pane.getByRole('button', { name: 'Copy @note' }).click();
  await clipboard(page).toBe('two words');
  await pane.getByRole('button', { name: 'Copy deep as JSON' }).click();
  await clipboard(page).toBe('{"list":[1,{"inner":true}]}');
  await pane.getByRole('button', { name: 'Only @note with this value' }).click();
  await expect(box(page)).toHaveValue('@note="two words"');
  await pane.getByRole('button', { name: 'Only @deep.list.inner with this value' }).click();
  await expect(box(page)).toHaveValue('@note="two words" @deep.list.inner=true');
  await expect(page.locator('.matched')).toHaveText('3 events');
  await pane.getByRole('button', { name: 'Show @request_id as a column' }).click();
  await expect(page.getByRole('columnheader', { name: '@request_id' })).toBeVisible();
  await pane.getByRole('button', { name: 'Without @session_id of this value' }).click();
  await expect(box(page)).toHaveValue('@note="two words" @deep.list.inner=true -@session_id=ses_related');
  await expect(page.locator('.matched')).toHaveText('0 events');
});

test('an event leads to those of its actor, resource, request and session; its stack is read', async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all&q=actor.id%3Ausr_related%20status%3Afailure');
  await page.locator('.table-body .row-open').first().press('Enter');
  const pane = drawer(page);
  await pane.getByRole('tab', { name: 'Stack trace' }).click();
  await expect(pane.locator('pre.stack')).toContainText('connect (/srv/app/db.js:10:5)');
  await pane.getByLabel('Frames of libraries').uncheck();
  await expect(pane.locator('pre.stack')).not.toContainText('node_modules');
  await pane.getByRole('tab', { name: 'Related' }).click();
  for (const relation of ['Same actor', 'Same resource', 'Same request', 'Same session', 'Same address']) {
    const group = pane.locator('.related').filter({ hasText: relation });
    await expect(group.getByRole('button')).toHaveCount(2);
  }
  const request = pane.locator('.related').filter({ hasText: 'Same request' });
  await request.getByRole('button').first().click();
  await expectInAddress(page, 'event', /^related-[12]$/);
  // What is found above it moves it down.
  await expect(pane.locator('.related').getByRole('button')).toHaveCount(10);
  await request.getByRole('link', { name: 'All' }).click();
  await expect(page.locator('.matched')).toHaveText('3 events');
});

test('an event is copied in four forms; its proof names the hashes that the server has', async ({
  signedIn: page,
}) => {
  await go(page, 'log?from=all&q=actor.id%3Ausr_related&event=related-2');
  const pane = drawer(page);
  const line = await (
    await fetch(`${address()}/v1/events/related-2`, { headers: { authorization: `Bearer ${key()}` } })
  ).text();
  const copied = async (form: string) => {
    await pane.getByRole('button', { name: 'Copy as' }).click();
    await pane.getByRole('button', { name: form, exact: true }).click();
    return clipboard(page);
  };
  await (await copied('JSON line with chain')).toBe(line.trim());
  await (await copied('JSON')).toBe(`${line.slice(0, line.lastIndexOf(',"chain":{'))}}`);
  await (await copied('curl')).toContain(`'${address()}/v1/events/related-2'`);
  await (await copied('stele command')).toBe("stele get 'related-2'");
  await page.keyboard.press('p');
  await clipboard(page).toBe(`${address()}/log?event=related-2`);
  const { chain } = await api<{ chain: { hash: string; previous: string; sequence: number } }>(
    'events/related-2',
  );
  await pane.getByRole('tab', { name: 'Proof' }).click();
  await expect(pane.locator('.verdict.ok')).toBeVisible();
  await expect(pane.locator('.proof')).toContainText(chain.hash);
  await expect(pane.locator('.proof')).toContainText(chain.previous);
  await pane.getByRole('link', { name: /^event / }).click();
  await expect(page.locator('.table-body .table-row')).toHaveCount(1);
  await expect(box(page)).toHaveValue(`sequence:${chain.sequence - 1}`);
});
