// Fails when the page grows beyond what a first visit should cost: all of dist, gzipped, at most 150 kB.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const LIMIT = 150_000;
const folder = new URL('../dist', import.meta.url).pathname;
let total = 0;
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.gz')) continue;
  const bytes = statSync(join(entry.parentPath, entry.name)).size;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${entry.name}`);
}
console.log(`${String(total).padStart(8)}  bytes gzipped in all, of ${LIMIT}`);
if (total === 0 || total > LIMIT) {
  console.error(
    total === 0 ? 'dist is empty: run vite build first' : `the page is over its limit of ${LIMIT} bytes`,
  );
  process.exit(1);
}
