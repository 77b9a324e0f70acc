import { afterEach, describe, expect, test } from '@jest/globals';
import { connectionOptions, createSmtp, SMTP_LIMITS } from '../../src/mail/smtp.ts';
import { type Mailbox, type MailboxOptions, startMailbox } from '../support/mailbox.ts';

const FROM = 'login@id.example.org';
const options = (url: string) => connectionOptions(url, SMTP_LIMITS);

let mailbox: Mailbox | undefined;
afterEach(async () => {
  await mailbox?.close();
  mailbox = undefined;
});

describe('the connection', () => {
  test.each([
    ['smtps://mail.example.org', { port: 465, secure: true, requireTLS: false }],
    ['smtp://mail.example.org', { port: 587, secure: false, requireTLS: true }],
    ['smtp://mail.example.org:25', { port: 25, secure: false, requireTLS: true }],
    ['smtp://mail.example.org:465', { port: 465, secure: true, requireTLS: false }],
    ['smtp://10.0.0.5:25', { secure: false, requireTLS: true }],
    ['smtp://localhost.example.org', { secure: false, requireTLS: true }],
    ['smtp://localhost:25', { host: 'localhost', secure: false, requireTLS: false }],
    ['smtp://127.0.0.1:25', { secure: false, requireTLS: false }],
    ['smtp://[::1]:25', { host: '::1', secure: false, requireTLS: false }],
  ])('%s is encrypted unless it stays on this machine', (url, expected) => {
    expect(options(url)).toMatchObject({ ...expected, tls: { rejectUnauthorized: true } });
  });

  test('user and password come out of the URL decoded, and are insisted on', () => {
    const { auth, forceAuth } = options('smtps://us%40example.org:p%2Fw%3A@mail.example.org');
    expect([auth, forceAuth]).toEqual([{ user: 'us@example.org', pass: 'p/w:' }, true]);
    expect(options('smtps://mail.example.org')).not.toHaveProperty('auth');
  });

  test.each([
    'https://us:secret@mail.example.org',
    'mail.example.org',
    'smtp:mail.example.org',
    'smtps://us:secret@mail.example.org?tls.rejectUnauthorized=false',
    'smtps://us:secret@mail.example.org/?ignoreTLS=true',
    'smtps://us:secret@mail.example.org/path',
    'smtps://us:secret%E0@mail.example.org',
  ])('%s is refused, without the password in the message', (url) => {
    expect(() => options(url)).toThrow(TypeError);
    expect(() => options(url)).not.toThrow(/secret/);
  });

  test.each(['login', 'Login <login@id.example.org>\r\nBcc: <eve@example.org>', 'a@example.org, b@example.org', ''])(
    '%j is no sender',
    (from) => {
      expect(() => createSmtp({ url: 'smtp://localhost', from })).toThrow(TypeError);
    },
  );
});

test('nothing is said unencrypted to a server that is not this machine by name', async () => {
  mailbox = await startMailbox({ login: { user: 'us', password: 'right' } });
  // this machine all the same, but a name says nothing of that
  const url = mailbox.url.replace('//127.0.0.1', '//us:right@0.0.0.0');
  const smtp = createSmtp({ url, from: FROM });
  expect(await smtp.probe()).toEqual({ ok: false, reason: expect.stringMatching(/does not encrypt/) });
  const letter = { subject: 's', text: 't', html: 'h' };
  const parcel = { id: '1', to: 'ada@example.org', letter, atMs: 0 };
  expect(await smtp.send(parcel, new AbortController().signal)).toMatchObject({ code: 'ETLS', permanent: false });
  expect([mailbox.connections, mailbox.mails, mailbox.logins]).toEqual([2, [], 0]);
});

describe('the probe', () => {
  const probe = async (settings: MailboxOptions, login = '', tryMs = 2000) => {
    mailbox = await startMailbox(settings);
    const url = mailbox.url.replace('//', `//${login}`);
    return createSmtp({ url, from: FROM }, { ...SMTP_LIMITS, tryMs }).probe();
  };

  test('is content with a server that lets us in, and sends nothing', async () => {
    expect(await probe({ login: { user: 'us', password: 'right' } }, 'us:right@')).toEqual({ ok: true });
    expect(mailbox?.mails).toEqual([]);
  });

  test.each<[string, MailboxOptions, string, RegExp]>([
    ['a wrong password', { login: { user: 'us', password: 'right' } }, 'us:wr0ng@', /user and password \(535\)/],
    ['a password nobody asked for', {}, 'us:wr0ng@', /user and password/],
    ['a certificate that nobody trusts', { tls: true }, '', /certificate is not trusted: [A-Z_]+$/],
  ])('names %s', async (_what, settings, login, reason) => {
    const found = await probe(settings, login);
    expect(found).toEqual({ ok: false, reason: expect.stringMatching(reason) });
    expect(JSON.stringify(found)).not.toMatch(/wr0ng|refused by the test/);
  });

  test('names a server that hangs, in time', async () => {
    const reason = 'the mail server does not answer in time';
    expect(await probe({ hang: 'greeting' }, '', 150)).toEqual({ ok: false, reason });
  });

  test('names a server that is not there', async () => {
    mailbox = await startMailbox();
    const { url } = mailbox;
    await mailbox.close();
    expect(await createSmtp({ url, from: FROM }).probe()).toEqual({
      ok: false,
      reason: 'nothing listens at the address of the mail server',
    });
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED=0 does not switch the certificate check off', async () => {
    const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect(await probe({ tls: true })).toMatchObject({ ok: false });
    } finally {
      if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before;
    }
  });
});
