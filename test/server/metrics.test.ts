// What /metrics shows is what docs/metrics.md explains, and nothing else.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it('has the metrics that the documentation names, each with its help', async () => {
  const response = await fetch(`${server.httpUrl}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const text = await response.text();
  const shown = [...text.matchAll(/^# HELP (\S+) \S/gm)].map((match) => match[1]);
  const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/`(pega_\w+)`/g)].map((match) => match[1]);
  expect(shown.sort()).toEqual(documented.sort());
});

it('answers only GET, and only its three pages', async () => {
  expect((await fetch(`${server.httpUrl}/metrics`, { method: 'POST' })).status).toBe(405);
  expect((await fetch(`${server.httpUrl}/`)).status).toBe(404);
});
