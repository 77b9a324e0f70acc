// The command line as an operator has it: another process, in a folder of its own, with an environment and nothing else.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll } from '@jest/globals';
import { run } from '../../src/cli/cli.ts';
import type { Output } from '../../src/cli/output.ts';
import { freePort } from '../support/ports.ts';
import { type World } from '../support/world.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const CLI = join(ROOT, 'src/cli/cli.ts');
export const MAIN = join(ROOT, 'src/main.ts');

/** Stripping types anew for each process would be most of the work of these tests. */
const CACHE = join(ROOT, 'node_modules/.cache/selfie-oidc-tests');

/** Part of every secret here: it must come out nowhere. */
export const CANARY = 'Zq3-canary';

export interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** one object a line of `out` */
  json(): Record<string, unknown>[];
}

const running = new Set<ChildProcess>();
const folders: string[] = [];
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true, maxRetries: 3 })));
});

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-cli-'));
  folders.push(folder);
  return folder;
}

export interface Place {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function start(args: readonly string[], { cwd, env = {} }: Place): ChildProcess {
  const surroundings = { PATH: process.env.PATH, NODE_COMPILE_CACHE: CACHE };
  const child = spawn(process.execPath, args, { cwd, env: { ...surroundings, ...env }, stdio: 'pipe' });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Waits for the end of a process, and gives all it said. */
export function ended(child: ChildProcess): Promise<Result> {
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((done) => {
    child.once('close', (code) => done(resultOf(code, out, err)));
  });
}

export function cli(args: readonly string[], place: Place): Promise<Result> {
  return ended(start([CLI, ...args], place));
}

/** The same in this process, for when it matters what is said and not that a process says it; paths are absolute. */
export async function here(
  args: readonly string[],
  { env = {} }: Place,
  more: Pick<Output, 'confirm'> = {},
): Promise<Result> {
  let out = '';
  let err = '';
  const output = {
    ...more,
    out: (line: string) => {
      out += `${line}\n`;
    },
    err: (line: string) => {
      err += `${line}\n`;
    },
  };
  return resultOf(await run(args, env, output), out, err);
}

function resultOf(code: number | null, out: string, err: string): Result {
  return { code, out, err, json: () => out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)])) };
}

/** The environment in which a provider like this world's would start. */
export async function placeOf(world: World): Promise<Place> {
  const { config } = world;
  const cwd = dirname(config.storageUrl.slice('sqlite:'.length));
  await writeFile(join(cwd, 'jwks.json'), JSON.stringify(config.jwks));
  await writeFile(join(cwd, 'clients.json'), JSON.stringify(config.clients));
  await writeFile(join(cwd, 'policy.json'), JSON.stringify({ enrolment: config.policy.enrolment }));
  const env = {
    ISSUER: config.issuer,
    PORT: String(config.port),
    STORAGE_URL: config.storageUrl,
    COOKIE_KEYS: config.cookieKeys.join(','),
    DATA_KEYS: config.dataKeys.map((key) => Buffer.from(key).toString('base64url')).join(','),
    JWKS_FILE: join(cwd, 'jwks.json'),
    CLIENTS_FILE: join(cwd, 'clients.json'),
    POLICY_FILE: join(cwd, 'policy.json'),
    DIDIT_API_KEY: config.didit.apiKey,
    DIDIT_WEBHOOK_SECRETS: config.didit.webhookSecrets.join(','),
    DIDIT_BASE_URL: config.didit.baseUrl,
    DIDIT_WORKFLOW_ENROL: config.didit.workflows.enrol,
    DIDIT_WORKFLOW_PASSIVE: config.didit.workflows.passive,
    DIDIT_WORKFLOW_ACTIVE: String(config.didit.workflows.active),
  };
  return { cwd, env };
}

const DEVELOPMENT = {
  DIDIT_API_KEY: 'a-key-of-this-test',
  DIDIT_WEBHOOK_SECRETS: 'a-secret-of-this-test',
  DIDIT_BASE_URL: 'http://127.0.0.1:9',
  DIDIT_WORKFLOW_ENROL: '11111111-1111-4111-8111-111111111111',
  DIDIT_WORKFLOW_PASSIVE: '22222222-2222-4222-8222-222222222222',
  HOST: '127.0.0.1',
};

/** A folder in which a provider starts; outside production it makes its own keys. */
export async function development(env: Record<string, string> = {}): Promise<Place & { port: number }> {
  const cwd = await newFolder();
  const port = await freePort();
  const client = { client_id: 'app', client_secret: 'of-this-test', redirect_uris: ['http://127.0.0.1:9/cb'] };
  await writeFile(join(cwd, 'clients.json'), JSON.stringify([client]));
  return { cwd, port, env: { ...DEVELOPMENT, CLIENTS_FILE: 'clients.json', PORT: String(port), ...env } };
}

/** Waits until `lines` lines of standard output are there. */
export function said(child: ChildProcess, lines: number): Promise<string[]> {
  let text = '';
  return new Promise((done, fail) => {
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      const all = text.split('\n').slice(0, -1);
      if (all.length >= lines) done(all);
    });
    child.once('exit', (code) => fail(new Error(`ended with ${code}: ${text}`)));
  });
}

export function linesOf(out: string): Record<string, unknown>[] {
  return out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Waits for a line of the log. */
export function logged(child: ChildProcess, message: string): Promise<Record<string, unknown>> {
  let text = '';
  return new Promise((done, fail) => {
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      const line = linesOf(text.slice(0, text.lastIndexOf('\n') + 1)).find(({ msg }) => msg === message);
      if (line) done(line);
    });
    child.once('exit', (code) => fail(new Error(`ended with ${code}: ${text}`)));
  });
}

/** A request under way: its head has arrived, its body is still owed. */
export async function halfRequest(port: number): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  const head = `POST /webhooks/didit HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n`;
  socket.write(`${head}content-length: 2\r\nexpect: 100-continue\r\n\r\n`);
  let text = '';
  const answer = new Promise<string>((done) => socket.once('close', () => done(text)));
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await once(socket, 'data');
  return { socket, answer };
}

/** Nobody new gets in: the signal has been heard. */
export async function refusesNewcomers(port: number): Promise<void> {
  const knock = () => fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined);
  while ((await knock()) !== undefined);
}

export async function knows(port: number, clientId: string): Promise<boolean> {
  const query = new URLSearchParams({ client_id: clientId, response_type: 'code', scope: 'openid' });
  const answer = await fetch(`http://127.0.0.1:${port}/auth?${query}`, { redirect: 'manual' });
  return !(await answer.text()).includes('client is invalid');
}
