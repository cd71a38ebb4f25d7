export function ingest(address: string, key: string, body: string): Promise<{ accepted: number }>;
export function start(port?: number): Promise<{ url: string; key: string; stop: () => Promise<void> }>;
