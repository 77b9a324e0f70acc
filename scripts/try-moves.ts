// Tries backups and moves at size: makes accounts with the real stores in a SQLite file, exports them, imports the file into the other
// engines, and prints what each step took. `npm run moves -- --accounts 100000 --engines postgres,redis,sqlite`. Each step is the
// command itself, in a process of its own, whose memory is read from the kernel. PostgreSQL gets a schema of its own; Redis is started
// here on a free port, as a million keys in a shared one would be in everybody's way. All is removed at the end, also when interrupted.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import type { Account } from '../src/core/account.ts';
import { FOREVER } from '../src/login/ports.ts';
import { createAccountStore } from '../src/storage/accounts.ts';
import { createActivityStore } from '../src/storage/activity.ts';
import { createAttemptStore } from '../src/storage/attempts.ts';
import { openBackend } from '../src/storage/backends.ts';
import { createDeviceStore } from '../src/storage/devices.ts';
import { createOidcAdapter } from '../src/storage/oidc-adapter.ts';
import { createPasskeyStore } from '../src/storage/passkeys.ts';
import { createSealer } from '../src/storage/sealer.ts';
import { createJournal } from '../src/telemetry/journal.ts';
import { createLedger } from '../src/telemetry/ledger.ts';
import { freePort } from '../test/support/ports.ts';

const CLI = resolve(import.meta.dirname, '../src/cli/cli.ts');
const AT_ONCE = 64;
const DAY = 86_400;
const POLL_MS = 100;

const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '100000' },
    'face-bytes': { type: 'string', default: '10000' },
    postgres: { type: 'string', default: 'postgres://postgres@127.0.0.1:5432/test' },
    engines: { type: 'string', default: 'postgres,redis,sqlite' },
  },
});
const accounts = Number(values.accounts);
const engines = values.engines.split(',');
const faceBytes = Number(values['face-bytes']);
const name = `moves_${randomUUID().slice(0, 8)}`;
const folder = await mkdtemp(join(tmpdir(), 'selfie-oidc-moves-'));
const dataKey = randomBytes(32);
const source = `sqlite:${join(folder, 'source.sqlite')}`;
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
let redis: ChildProcess | undefined;
const clock = { now: () => Math.floor(Date.now() / 1000) };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One person with what a person leaves behind: face, device, passkey, sign-ins, session, grant, refresh token, lines of the books. */
async function makeAccounts(): Promise<void> {
  const backend = await openBackend(source, { clock, deadlineMs: 30_000 });
  const { store } = backend;
  const sealer = createSealer([dataKey]);
  const parts = { store, sealer, clock };
  const stores = {
    accounts: createAccountStore(parts),
    activity: createActivityStore(parts),
    attempts: createAttemptStore(parts),
    devices: createDeviceStore(parts),
    passkeys: createPasskeyStore(parts),
    ledger: createLedger({ store, clock, price: 0.1 }),
    journal: createJournal(parts),
  };
  const adapter = createOidcAdapter(parts);
  const [sessions, grants, refreshTokens, accessTokens] = ['Session', 'Grant', 'RefreshToken', 'AccessToken'].map(
    adapter,
  ) as [Adapter, Adapter, Adapter, Adapter];
  type Adapter = ReturnType<typeof adapter>;

  async function makeOne(n: number): Promise<void> {
    const now = clock.now();
    const id = randomUUID();
    const verificationId = randomUUID();
    const random = () => randomBytes(16).toString('base64url');
    const [uid, device, session, grant] = [random(), random(), random(), random()];
    const portrait = await stores.accounts.keepPortrait(randomBytes(faceBytes));
    const account: Account = {
      id,
      subject: randomUUID(),
      identifier: `person-${n}@example.org`,
      createdAt: now,
      updatedAt: now,
      standing: 'good',
      profile: { name: `Person ${n}`, given_name: 'Person', family_name: String(n), birthdate: '1980-01-01' },
      matching: { document: [random()], person: [random()] },
      portrait: { kind: 'local', ...portrait, pinnedAt: now },
      enrolledBy: { verificationId, at: now, purpose: 'enrol' },
      consent: { version: '1', at: now },
    };
    if (!(await stores.accounts.create(account))) throw new Error('the identifier is taken');
    const { ref } = portrait;
    const signIn = { uid, at: now, clientId: 'app', acr: 'urn:selfie-oidc:acr:selfie' };
    const visit = { uid, at: now, browser: 'Firefox on Linux', prefix: '192.0.2.0/24' };
    const passkey = { id: random(), publicKey: random().repeat(4), counter: 1, createdAt: now, name: 'key' };
    const claims = { accountId: id, clientId: 'app', exp: now + 14 * DAY, iat: now };
    const authorizations = { app: { sid: random(), grantId: grant } };
    await Promise.all([
      stores.accounts.pinPortrait(ref),
      stores.activity.noteSignIn(id, signIn as never, undefined as never),
      stores.attempts.own(verificationId, uid),
      stores.devices.remember(device, id, visit as never, undefined as never),
      stores.passkeys.add(id, passkey as never),
      stores.ledger.open({ verificationId, client: 'app', account: sealer.keyedHash(id, 'ledger'), reason: 'enrol' }),
      stores.journal.record({ event: 'account.enrolled', attempt: uid, account: id }),
      store.set(`allowance:${verificationId}`, { purpose: 'enrol', accountId: id }, FOREVER),
      sessions.upsert(session, { ...claims, uid, authorizations, kind: 'Session', jti: session } as never, 14 * DAY),
      grants.upsert(grant, { ...claims, kind: 'Grant', openid: { scope: 'openid profile' } } as never, 31 * DAY),
      refreshTokens.upsert(random(), { ...claims, kind: 'RefreshToken', grantId: grant, scope: 'openid' }, 30 * DAY),
      accessTokens.upsert(random(), { ...claims, kind: 'AccessToken', grantId: grant, scope: 'openid' }, DAY),
    ]);
  }

  for (let n = 0; n < accounts; n += AT_ONCE) {
    interrupted.signal.throwIfAborted();
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, accounts - n) }, (_, index) => makeOne(n + index)));
  }
  await stores.journal.flush();
  await backend.close();
}

/** Runs one command, measures it, and prints a line. @returns what it answered */
async function step(title: string, args: readonly string[], storage: string): Promise<Record<string, unknown>> {
  const env = {
    PATH: process.env.PATH,
    ISSUER: 'http://localhost:3000',
    STORAGE_URL: storage,
    DATA_KEYS: dataKey.toString('base64url'),
    CLIENTS_FILE: join(folder, 'clients.json'),
    LOG_LEVEL: 'warn',
  };
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [CLI, ...args, '--json'], {
    signal: interrupted.signal,
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peakKiB = 0;
  const timer = setInterval(
    () =>
      void readPeak(child.pid).then((kib) => {
        peakKiB = Math.max(peakKiB, kib);
      }),
    POLL_MS,
  );
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  // it is told of an interruption by the signal, and then ends like any other
  child.on('error', () => {});
  const code = await new Promise((done) => child.once('close', done));
  clearInterval(timer);
  interrupted.signal.throwIfAborted();
  if (code !== 0) throw new Error(`${title}: exit code ${code}`);
  const seconds = (performance.now() - startedAtMs) / 1000;
  const last = out.trim().split('\n').at(-1) ?? '{}';
  const answer = (last.startsWith('{') ? JSON.parse(last) : {}) as Record<string, unknown>;
  const records = Number(answer.records ?? 0);
  const rate = records > 0 ? `, ${records} records, ${Math.round(records / seconds)} a second` : '';
  say(`${title.padEnd(34)}${seconds.toFixed(1).padStart(7)} s   peak RSS ${Math.round(peakKiB / 1024)} MiB${rate}`);
  return answer;
}

/** The most memory that a process ever had, as the kernel keeps it; 0 when it is gone already. */
async function readPeak(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

function expectSame(title: string, one: unknown, other: unknown): void {
  if (JSON.stringify(one) !== JSON.stringify(other)) throw new Error(`${title}: the counts differ`);
}

/** @returns a storage URL of an empty storage */
async function openTarget(engine: string): Promise<string> {
  switch (engine) {
    case 'sqlite':
      return `sqlite:${join(folder, 'target.sqlite')}`;
    case 'postgres':
      return `${values.postgres}?schema=${name}`;
    case 'redis':
      return startRedis();
    default:
      throw new Error(`--engines ${engine}: postgres, redis, sqlite`);
  }
}

/** As one is set up for this: what is answered is on the disk within a second. */
async function startRedis(): Promise<string> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  redis = server;
  await new Promise<void>((ready, fail) => {
    server.once('error', fail);
    server.stdout.on('data', (text) => String(text).includes('Ready to accept') && ready());
  });
  return `redis://127.0.0.1:${port}`;
}

async function removeTargets(): Promise<void> {
  redis?.kill('SIGKILL');
  if (!engines.includes('postgres')) return;
  const client = new pg.Client(values.postgres);
  await client.connect();
  await client.query(`DROP SCHEMA IF EXISTS ${name} CASCADE`);
  await client.end();
}

try {
  await writeFile(join(folder, 'clients.json'), '[]');
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname });
  say(
    `${accounts} accounts with faces of ${faceBytes} bytes; Node ${process.version}, ${availableParallelism()} cores, ${commit.trim()}`,
  );
  const startedAtMs = performance.now();
  await makeAccounts();
  say(
    `made in ${((performance.now() - startedAtMs) / 1000).toFixed(0)} s: ${mebibytes(await sizeOf('source.sqlite'))}`,
  );
  const file = join(folder, 'archive');
  const exported = await step('export from SQLite', ['export', '--move', file], source);
  say(`the file: ${mebibytes(await sizeOf('archive'))}`);
  await step('import --check', ['import', '--check', file], source);
  for (const engine of engines) {
    const url = await openTarget(engine);
    const imported = await step(`import --move into ${engine}`, ['import', '--move', file], url);
    expectSame(engine, imported.counts, exported.counts);
    await step(`journal verify on ${engine}`, ['journal', 'verify'], url);
    const back = await step(`export from ${engine}`, ['export', join(folder, `${engine}.archive`)], url);
    // the journal has a line more for each of the two commands
    const { journal: _before, ...before } = exported.counts as Record<string, number>;
    const { journal: _after, ...after } = back.counts as Record<string, number>;
    expectSame(`back from ${engine}`, after, before);
    await rm(join(folder, `${engine}.archive`));
  }
  say(`counts agree: ${JSON.stringify(exported.counts)}`);
} finally {
  await removeTargets();
  await rm(folder, { recursive: true, force: true });
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(join(folder, file))).size;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`;
}
