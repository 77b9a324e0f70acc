// The examples of docs/resource-servers.md, run as they stand there but for the issuer's address and the port: each in a
// process of its own, with the folder beside it as the page says.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePort } from '../../src/demo/ports.ts';
import { ACTIVE, type LocalIssuer, PASSIVE, readChallenge, startIssuer } from './issuer.ts';

const root = join(import.meta.dirname, '../..');
const AUDIENCE = 'https://api.example.org';
const running: ChildProcess[] = [];
let directory: string;
let issuer: LocalIssuer;
let examples: string[];

beforeAll(async () => {
  issuer = await startIssuer();
  directory = await mkdtemp(join(tmpdir(), 'resource-servers-'));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  await symlink(join(root, 'src/resource-server'), join(directory, 'resource-server'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  const page = await readFile(join(root, 'docs/resource-servers.md'), 'utf8');
  examples = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await issuer?.close();
  await rm(directory, { recursive: true, force: true });
});

/** Starts the example that contains `mark`; the address at which it answers. */
async function start(mark: string): Promise<string> {
  const found = examples.filter((code) => code.includes(mark));
  expect(found).toHaveLength(1);
  const port = await freePort(23_600 + running.length * 10);
  const code = replaceOnce(
    replaceOnce(found[0] ?? '', 'https://login.example.org', issuer.url),
    'listen(8080)',
    `listen(${port}, '127.0.0.1')`,
  );
  const file = join(directory, `example-${running.length}.ts`);
  await writeFile(file, code);
  const child = spawn(process.execPath, ['--no-warnings', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(child);
  let errors = '';
  child.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the example ended: ${errors}`);
    if (await fetch(url).catch(() => undefined)) return url;
    await delay(25);
  }
  throw new Error(`the example does not answer: ${errors}`);
}

function replaceOnce(text: string, what: string, by: string): string {
  expect(text.split(what)).toHaveLength(2);
  return text.replace(what, by);
}

async function call(url: string, claims: Record<string, unknown>) {
  const token = await issuer.sign({ aud: AUDIENCE, ...claims });
  return fetch(url, { headers: { authorization: `Bearer ${token}` } });
}

const now = () => Math.floor(Date.now() / 1000);

test('there are two examples', () => {
  expect(examples).toHaveLength(2);
});

test('the one with koa lets a strong and recent login with the scope through, and says what is needed', async () => {
  const url = await start('new Koa()');
  const good = await call(url, { scope: 'payments', acr: ACTIVE, auth_time: now() });
  expect(good.status).toBe(200);
  expect(await good.json()).toEqual({ transferredBy: 'alice' });
  const weak = await call(url, { acr: PASSIVE, auth_time: now() });
  expect(weak.status).toBe(401);
  expect(readChallenge(weak.headers.get('www-authenticate'))).toMatchObject({
    error: 'insufficient_user_authentication',
    acr_values: `${ACTIVE} urn:selfie-oidc:acr:selfie-device`,
    max_age: '300',
    scope: 'payments',
  });
});

test('the one with plain Node lets a token with the scope through, and refuses one without', async () => {
  const url = await start('createServer');
  const good = await call(url, { scope: 'read' });
  expect(await good.json()).toEqual({ readBy: 'alice', clientId: 'shop' });
  const lacking = await call(url, {});
  expect(lacking.status).toBe(403);
  expect(readChallenge(lacking.headers.get('www-authenticate'))).toMatchObject({ scope: 'read' });
  expect((await fetch(url)).status).toBe(401);
});
