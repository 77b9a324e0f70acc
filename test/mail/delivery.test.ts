import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { Circumstances, Mail } from '../../src/login/mail.ts';
import type { Job, JobQueue, Logger } from '../../src/login/ports.ts';
import { createWorker } from '../../src/login/work.ts';
import { createMailer, MAIL, type MailDelivery } from '../../src/mail/mailer.ts';
import { SMTP_LIMITS, type SmtpLimits } from '../../src/mail/smtp.ts';
import { openMemory } from '../../src/storage/memory.ts';
import { createSealer } from '../../src/storage/sealer.ts';
import { codeIn, linkIn, type Mailbox, type MailboxOptions, startMailbox } from '../support/mailbox.ts';

const START_MS = 1_900_000_000_000;
const TO = 'ada@example.org';
const CODE = '482913';
const LINK = 'https://login.example/mailed/s3cret-l1nk';

const where: Circumstances = {
  client: 'Example Shop',
  browser: 'Firefox on Windows',
  place: '192.0.2.7 (NL)',
  at: START_MS / 1000,
};
const signInCode: Mail = { kind: 'sign-in-code', code: CODE, link: LINK, minutes: 10, where };
const notice: Mail = { kind: 'new-device', denyLink: LINK, where };

const SHORT: SmtpLimits = { connectionMs: 5000, greetingMs: 5000, socketMs: 5000, tryMs: 150, closeMs: 50 };

interface Post {
  readonly mailbox: Mailbox;
  readonly delivery: MailDelivery;
  readonly jobs: JobQueue;
  readonly lines: { level: string; fields: Record<string, unknown>; message: string }[];
  pokes: number;
  /** moves the time and does what is due by then */
  after(seconds: number): Promise<void>;
  /** all there is, due or not */
  waiting(): Promise<readonly Job[]>;
}

interface PostOptions extends MailboxOptions {
  readonly url?: (mailbox: Mailbox) => string;
  readonly from?: string;
  readonly limits?: SmtpLimits;
  readonly jobs?: (jobs: JobQueue) => JobQueue;
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function post(options: PostOptions = {}): Promise<Post> {
  const mailbox = await startMailbox(options);
  let nowMs = START_MS;
  const backend = openMemory({ clock: { now: () => Math.floor(nowMs / 1000) } });
  const jobs = options.jobs?.(backend.jobs) ?? backend.jobs;
  const lines: Post['lines'] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Record<string, unknown>, message });
  };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } as Logger;
  const state = { pokes: 0 };
  const delivery = createMailer({
    smtp: { url: options.url?.(mailbox) ?? mailbox.url, from: options.from ?? 'Example Login <login@id.example.org>' },
    jobs,
    sealer: createSealer([randomBytes(32)]),
    log,
    nowMs: () => nowMs,
    poke: () => {
      state.pokes += 1;
    },
    limits: options.limits ?? SMTP_LIMITS,
  });
  const worker = createWorker({ jobs, handlers: { [MAIL]: delivery.deliver }, log, nowMs: () => nowMs });
  open.push(
    () => mailbox.close(),
    () => delivery.close(),
  );
  return Object.assign(state, {
    mailbox,
    delivery,
    jobs,
    lines,
    async after(seconds: number) {
      nowMs += seconds * 1000;
      await worker.runDue();
    },
    waiting: () => jobs.claimDue({ nowMs: Number.MAX_SAFE_INTEGER - 1_000_000, limit: 100, leaseMs: 1 }),
  });
}

describe('a mail', () => {
  test('arrives with the headers it needs, as text and as HTML', async () => {
    const { delivery, mailbox, after } = await post();
    await delivery.mailer.send(TO, signInCode);
    await after(0);
    const mail = await mailbox.waitFor(TO);
    expect(mailbox.mails).toHaveLength(1);
    expect(mail).toMatchObject({
      to: TO,
      from: 'login@id.example.org',
      subject: 'Your code to sign in to Example Shop',
    });
    expect(mail.headers).toMatchObject({
      from: 'Example Login <login@id.example.org>',
      to: TO,
      'auto-submitted': 'auto-generated',
      'x-auto-response-suppress': 'All',
      'message-id': expect.stringMatching(/^<[0-9a-f-]{36}@id\.example\.org>$/),
      date: 'Sun, 17 Mar 2030 17:46:40 +0000',
      'content-type': expect.stringMatching(/^multipart\/alternative/),
    });
    expect(mail.headers).not.toHaveProperty('x-mailer');
    expect(mail.text).toContain('482 913\n');
    expect(mail.text).toContain('until 17:56 UTC');
    expect(mail.html).toContain('>482 913</p>');
    expect(codeIn(mail)).toBe(CODE);
    expect(linkIn(mail).href).toBe(LINK);
  });

  test('is a job before send() resolves, and wakes the worker', async () => {
    const parts = await post();
    await parts.delivery.mailer.send(TO, notice);
    expect(parts.mailbox.connections).toBe(0);
    expect(parts.pokes).toBe(1);
    expect(await parts.waiting()).toMatchObject([{ kind: MAIL, dueAtMs: START_MS }]);
  });

  test('is sealed at rest: address, code, link and client are nowhere in the job', async () => {
    const { delivery, waiting } = await post();
    await delivery.mailer.send(TO, signInCode);
    const stored = JSON.stringify(await waiting());
    const clear = Buffer.from(stored.replaceAll(/[^\w-]/g, ''), 'base64url').toString('latin1');
    for (const secret of [TO, 'ada@', CODE, LINK, 's3cret', 'Example Shop', '192.0.2.7', 'sign-in-code']) {
      expect(stored).not.toContain(secret);
      expect(clear).not.toContain(secret);
    }
  });

  test('T14: copied into another job it does not open', async () => {
    const { delivery, mailbox, jobs, waiting, lines } = await post();
    await delivery.mailer.send(TO, signInCode);
    const [job] = await waiting();
    if (job === undefined) throw new Error('no job');
    await delivery.deliver({ ...job, id: 'another' });
    expect(mailbox.mails).toEqual([]);
    expect(lines).toMatchObject([{ level: 'warn', fields: { code: 'unwritable', tries: 1 } }]);
    await jobs.cancel(MAIL, 'another');
  });

  test('reaches an address and a sender name with letters of other alphabets', async () => {
    const { delivery, mailbox, after } = await post({ from: 'Größe 日本 <login@id.example.org>' });
    await delivery.mailer.send('jürgen@example.org', notice);
    await after(0);
    const mail = await mailbox.waitFor('jürgen@example.org');
    expect(mail.headers.from).toMatch(/^=\?UTF-8\?.*<login@id\.example\.org>$/);
  });
});

describe('a server that does not take it', () => {
  test('down: the mail waits longer and longer, and arrives once when the server is back', async () => {
    const { delivery, mailbox, after, lines } = await post({ failTimes: 4 });
    await delivery.mailer.send(TO, notice);
    for (const [seconds, arrived] of [
      [0, 0],
      [4, 0],
      [1, 0],
      [30, 0],
      [119, 0],
      [1, 0],
      [599, 0],
      [1, 1],
    ] as const) {
      await after(seconds);
      expect(mailbox.mails).toHaveLength(arrived);
    }
    expect(mailbox.connections).toBe(5);
    await after(86_400);
    expect(mailbox.mails).toHaveLength(1);
    expect(lines.map(({ level, fields }) => [level, fields.tries, fields.status])).toEqual([
      ['warn', 1, 451],
      ['warn', 2, 451],
      ['warn', 3, 451],
      ['warn', 4, 451],
      ['info', 5, undefined],
    ]);
  });

  test('every try bears the same Message-ID, so that a server that took it twice can tell', async () => {
    const ids = new Set<string>();
    const { delivery, mailbox, after } = await post({ hang: 'answer', limits: { ...SHORT, tryMs: 800 } });
    await delivery.mailer.send(TO, notice);
    await after(0);
    await after(5);
    expect(mailbox.mails).toHaveLength(2);
    for (const mail of mailbox.mails) ids.add(mail.headers['message-id'] ?? '');
    expect(ids.size).toBe(1);
  });

  test('not reachable: it is tried again', async () => {
    const port = await closedPort();
    const { delivery, after, lines, waiting } = await post({ url: () => `smtp://127.0.0.1:${port}` });
    await delivery.mailer.send(TO, notice);
    await after(0);
    expect(lines).toEqual([
      {
        level: 'warn',
        fields: { kind: MAIL, tries: 1, code: 'ECONNREFUSED', status: undefined },
        message: expect.any(String),
      },
    ]);
    expect(await waiting()).toMatchObject([{ dueAtMs: START_MS + 5000 }]);
  });

  test('the recipient refused for now (450): it is tried again', async () => {
    const { delivery, after, waiting } = await post({ refuse: 450 });
    await delivery.mailer.send(TO, notice);
    await after(0);
    expect(await waiting()).toHaveLength(1);
  });

  test('the recipient refused for good (550): it is not', async () => {
    const { delivery, after, waiting, lines } = await post({ refuse: 550 });
    await delivery.mailer.send(TO, notice);
    await after(0);
    expect(await waiting()).toEqual([]);
    expect(lines).toMatchObject([{ level: 'error', fields: { kind: MAIL, tries: 1, status: 550 } }]);
  });

  test.each([
    ['the sender', { refuseSender: 550 }, undefined],
    ['the password', { login: { user: 'us', password: 'right' } }, 'us:wrong@'],
  ])('%s refused: that is mended by the operator, and the mail waits for it', async (_what, options, login) => {
    const url = (mailbox: Mailbox) => mailbox.url.replace('//', `//${login ?? ''}`);
    const { delivery, after, waiting, lines } = await post({ ...options, url });
    await delivery.mailer.send(TO, notice);
    await after(0);
    expect(lines).toMatchObject([{ level: 'warn' }]);
    expect(await waiting()).toHaveLength(1);
  });

  test('for six hours: a notice is given up', async () => {
    const { delivery, after, waiting, lines, mailbox } = await post({ refuse: 451 });
    await delivery.mailer.send(TO, notice);
    for (let minutes = 0; minutes < 7 * 60; minutes += 1) await after(60);
    expect(await waiting()).toEqual([]);
    expect(lines.at(-1)).toMatchObject({ level: 'error', message: expect.stringContaining('given up') });
    expect(mailbox.connections).toBeGreaterThanOrEqual(9);
    expect(mailbox.connections).toBeLessThanOrEqual(11);
  });
});

describe('a code', () => {
  test('is tried more often than a notice: somebody sits and waits for it', async () => {
    const { delivery, after, mailbox } = await post({ failTimes: 8 });
    await delivery.mailer.send(TO, signInCode);
    for (let seconds = 0; seconds < 590; seconds += 5) await after(5);
    expect(mailbox.mails).toHaveLength(1);
  });

  test('says how long it works from when it was asked for, also when it comes late', async () => {
    const { delivery, after, mailbox } = await post({ failTimes: 3 });
    await delivery.mailer.send(TO, signInCode);
    for (let seconds = 0; seconds < 300; seconds += 5) await after(5);
    expect((await mailbox.waitFor(TO)).text).toContain('until 17:56 UTC');
  });

  test('that has expired is not sent', async () => {
    const { delivery, after, mailbox, waiting, lines } = await post();
    await delivery.mailer.send(TO, signInCode);
    await after(600);
    expect(mailbox.connections).toBe(0);
    expect(await waiting()).toEqual([]);
    expect(lines).toMatchObject([{ level: 'error', fields: { kind: MAIL, tries: 0 } }]);
  });

  test('is not kept for a try after its time', async () => {
    const { delivery, after, waiting } = await post({ refuse: 450 });
    await delivery.mailer.send(TO, signInCode);
    await after(595);
    expect(await waiting()).toEqual([]);
  });
});

describe('a server that hangs', () => {
  test.each(['greeting', 'answer'] as const)('at the %s is left at the deadline', async (hang) => {
    const { delivery, after, lines, waiting } = await post({ hang, limits: SHORT });
    await delivery.mailer.send(TO, notice);
    const began = performance.now();
    await after(0);
    expect(performance.now() - began).toBeLessThan(2000);
    expect(lines).toMatchObject([{ level: 'warn', fields: { code: 'EABORT' } }]);
    expect(await waiting()).toHaveLength(1);
  });

  test('the deadline ends before the job is somebody else’s', () => {
    expect(SMTP_LIMITS.tryMs).toBeLessThan(25_000);
  });

  test('holds eight places of the worker at most, and the rest comes later without a try lost', async () => {
    const { delivery, after, mailbox, waiting } = await post({ hang: 'greeting', limits: SHORT });
    for (let number = 0; number < 20; number += 1) await delivery.mailer.send(`p${number}@example.org`, notice);
    await after(0);
    expect(mailbox.connections).toBeLessThanOrEqual(8);
    const tries = (await waiting()).map((job) => (job.payload as { tries: number }).tries);
    expect(tries.sort()).toEqual([...Array(12).fill(0), ...Array(8).fill(1)]);
  });

  test('does not hold up the end of the process: what is under way ends, the mail stays', async () => {
    const { delivery, jobs, waiting } = await post({ hang: 'greeting', limits: { ...SMTP_LIMITS, closeMs: 50 } });
    await delivery.mailer.send(TO, notice);
    const [job] = await jobs.claimDue({ nowMs: START_MS, limit: 1, leaseMs: 30_000 });
    if (job === undefined) throw new Error('no job');
    const run = delivery.deliver(job);
    await delivery.close();
    await run;
    await delivery.deliver(job);
    expect(await waiting()).toMatchObject([{ payload: { tries: 1 } }]);
  });
});

describe('once', () => {
  test('two processes that share the queue send a mail once', async () => {
    const first = await post();
    const second = await post({ jobs: () => first.jobs });
    await first.delivery.mailer.send(TO, notice);
    await Promise.all([first.after(0), second.after(0), first.after(0)]);
    expect(first.mailbox.mails.length + second.mailbox.mails.length).toBe(1);
  });

  test('a try that took longer than its job was one’s own does not bring back what another process has sent since', async () => {
    const { delivery, jobs, mailbox, waiting } = await post({ refuse: 450 });
    await delivery.mailer.send(TO, notice);
    const [slow] = await jobs.claimDue({ nowMs: START_MS, limit: 1, leaseMs: 30_000 });
    const [other] = await jobs.claimDue({ nowMs: START_MS + 30_000, limit: 1, leaseMs: 30_000 });
    if (!slow || !other) throw new Error('not handed out twice');
    await jobs.cancel(other.kind, other.id);
    await delivery.deliver(slow);
    expect([mailbox.mails, await waiting()]).toEqual([[], []]);
  });

  test('a storage that fails just after the server took the mail does not send it again', async () => {
    let isDown = true;
    const failing = (jobs: JobQueue): JobQueue => ({
      ...jobs,
      cancel: async (kind, id) => {
        if (isDown) throw new Error('the storage is down');
        await jobs.cancel(kind, id);
      },
    });
    const { delivery, after, mailbox, waiting } = await post({ jobs: failing });
    await delivery.mailer.send(TO, notice);
    await after(0);
    isDown = false;
    await after(31);
    expect(mailbox.mails).toHaveLength(1);
    expect(await waiting()).toEqual([]);
  });
});

describe('header injection', () => {
  test.each([
    'ada@example.org\r\nBcc: eve@example.org',
    'ada@example.org\nBcc: eve@example.org',
    'ada@example.org, eve@example.org',
    'ada@example.org;eve@example.org',
    'Ada <ada@example.org>',
    '<ada@example.org>',
    '"ada@example.org eve"@example.org',
    'ada@example.org>\r\nRCPT TO:<eve@example.org',
    'ada(eve)@example.org',
    'ada\u202E@example.org',
    'ada\u2028@example.org',
    'ada\0@example.org',
    'ada@example.org%0d%0aBcc:eve',
    'ada@exam ple.org',
    'ada@-example.org',
    'ada',
    '@example.org',
    'ada@',
    `${'a'.repeat(250)}@example.org`,
  ])('%j is no recipient', async (to) => {
    const { delivery, waiting } = await post();
    const refused = delivery.mailer.send(to, notice);
    await expect(refused).rejects.toThrow(TypeError);
    await expect(refused).rejects.not.toThrow(/ada|eve/);
    expect(await waiting()).toEqual([]);
  });

  test('a client name makes no header, no recipient and no line of its own', async () => {
    const client = 'Shop\r\nBcc: eve@example.org\r\n\r\nhttps://evil.example\u202Egro\u2029.elpmaxe\u0085X: y';
    const { delivery, after, mailbox } = await post();
    await delivery.mailer.send(TO, { ...signInCode, where: { ...where, client } });
    await after(0);
    const mail = await mailbox.waitFor(TO);
    expect(mail.headers).not.toHaveProperty('bcc');
    expect(Object.keys(mail.headers).sort()).toEqual([
      'auto-submitted',
      'content-type',
      'date',
      'from',
      'message-id',
      'mime-version',
      'subject',
      'to',
      'x-auto-response-suppress',
    ]);
    expect(mail.subject).toMatch(/^Your code to sign in to Shop Bcc: eve@example\.org https:/);
    expect(`${mail.subject}${mail.text}`).not.toMatch(/[\u202E\u2029\u0085\r]/);
    expect(mail.text.split('\n').filter((line) => /^(?:https|Bcc|X)\b/.test(line))).toEqual([LINK]);
    expect(linkIn(mail).href).toBe(LINK);
  });
});

test('log lines hold no address, code, link, name, password or reply of the server', async () => {
  const all: unknown[] = [];
  const cases: PostOptions[] = [
    {},
    { failTimes: 1 },
    { refuse: 550 },
    { hang: 'answer', limits: SHORT },
    { tls: true },
    { login: { user: 'us', password: 'right' }, url: ({ url }) => url.replace('//', '//mail-user:p4ssw0rd@') },
    { login: { user: 'us', password: 'right' }, url: ({ url }) => url.replace('//', '//us:right@') },
  ];
  for (const options of cases) {
    const { delivery, after, lines } = await post(options);
    await delivery.mailer.send(TO, signInCode);
    await after(0);
    await after(5);
    expect(lines.length).toBeGreaterThan(0);
    for (const { fields } of lines)
      expect(['kind', 'tries', 'code', 'status']).toEqual(expect.arrayContaining(Object.keys(fields)));
    all.push(...lines);
  }
  expect(JSON.stringify(all)).not.toMatch(
    /ada|example|482|s3cret|https?:|p4ssw0rd|mail-user|right|192\.0|refused by|127\.0/i,
  );
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
