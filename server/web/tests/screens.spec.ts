/** Pictures of every page for people to look at, and axe over each of them. */
import AxeBuilder from '@axe-core/playwright';
import { person } from './harness/api';
import { enter, expect, go, pageUrl, test } from './harness/page';

const SIZES = [
  [1440, 900],
  [390, 844],
] as const;

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

test.beforeAll(async () => {
  await person('admin', 'Ada Lovelace');
  await person('developer', 'Grace Hopper');
});

for (const [width, height] of SIZES) {
  test.describe(() => {
    test.use({ viewport: { width, height }, colorScheme: 'light' });
    test(`screens, ${width} px`, async ({ signedIn: page }) => {
      // Eighty pictures with axe over half of them, on two processors that others use too.
      test.setTimeout(400_000);
      await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: width > 860 ? 'dark' : 'light' });
      const look = async (name: string, axe = width > 860) => {
        await expect(page.locator('.busy, .busy-now')).toHaveCount(0);
        await page.waitForTimeout(100);
        // Axe sees all in the light scheme and wide, and the pages also in the dark one and narrow.
        const other = width > 860 ? 'dark' : 'light';
        await page.screenshot({ path: `tests/screens/${name}-${width}-${other}.png` });
        const scheme = width > 860 ? 'light' : 'dark';
        await page.emulateMedia({ colorScheme: scheme });
        await page.waitForTimeout(60);
        await page.screenshot({ path: `tests/screens/${name}-${width}-${scheme}.png` });
        if (!axe) {
          await page.emulateMedia({ colorScheme: other });
          return;
        }
        const found = await new AxeBuilder({ page })
          .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])
          .analyze();
        await page.emulateMedia({ colorScheme: other });
        const serious = found.violations.filter(
          (each) => each.impact === 'serious' || each.impact === 'critical',
        );
        const said = serious.map(
          (each) =>
            `${name}: ${each.id}: ${each.nodes
              .map((node) => `${node.target.join(' ')} ${node.failureSummary}`)
              .slice(0, 3)
              .join(' | ')}`,
        );
        expect.soft(said).toEqual([]);
      };
      for (const [name, path] of PLACES) {
        await go(page, path);
        await look(name, true);
      }
      await go(page, 'log?from=now-7d&q=category%3Aagent%20changed%3A*');
      await page.locator('.table-body .row-open').first().click();
      await look('event');
      for (const tab of ['Changes', 'Related', 'JSON', 'Proof']) {
        await page.getByRole('tab', { name: tab }).click();
        if (tab === 'Proof') await expect(page.locator('.verdict')).toBeVisible();
        await look(`event-${tab.toLowerCase()}`);
      }
      const resource = await page.evaluate(async () => {
        const answer = (await (
          await fetch('v1/facets?q=%40changes%3A*&fields=resource_id&resource_type=agent&top=1')
        ).json()) as { facets: { resource_id: { values: { value: string }[] } } };
        return answer.facets.resource_id.values[0]?.value ?? '';
      });
      await go(page, `resources?type=agent&id=${resource}`);
      await look('resource');
      await go(page, 'log?from=now-30d&q=%40stack%3A*');
      await page.locator('.table-body .row-open').first().click();
      await page.getByRole('tab', { name: 'Stack trace' }).click();
      await look('event-stack');
      await page.keyboard.press('Escape');
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
      await look('export-fields');
      await page.keyboard.press('Escape');
      await go(page, 'archive?restore_from=2026-01-01T00:00:00Z&restore_to=2026-02-01T00:00:00Z');
      await look('restore');
      await go(page, 'settings');
      await page.getByRole('region', { name: 'Retention' }).getByRole('button', { name: 'Change' }).click();
      await look('retention');
      await page.keyboard.press('Escape');
      await go(page, 'api?from=now-7d');
      await page.getByRole('button', { name: 'Busiest 5 paths' }).click();
      await look('api-paths');
      await page.context().clearCookies();
      await page.goto(pageUrl());
      await expect(page.getByRole('heading', { name: 'Sign in to Stele' })).toBeVisible();
      await look('sign-in');
      await enter(page);
      await go(page, 'log?from=now-7d');
      if (width > 860) {
        await page.getByRole('textbox', { name: 'Query' }).click();
        await page.getByRole('textbox', { name: 'Query' }).fill('status:failure actor.');
        await expect(page.getByRole('option').first()).toBeVisible();
        await look('completion');
        await page.keyboard.press('Escape');
        await page.getByTitle('Range of time').click();
        await look('time');
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
        await look('keymap');
      }
    });
  });
}
