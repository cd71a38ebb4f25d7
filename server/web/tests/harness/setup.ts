import { start } from './server.mjs';

/** One server for the whole run; what the tests need to know of it goes through the environment. */
export default async function setup(): Promise<() => Promise<void>> {
  const running = await start();
  process.env['STELE_PAGE'] = running.url;
  process.env['STELE_KEY'] = running.key;
  return running.stop;
}
