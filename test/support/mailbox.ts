// A mail server for tests: real SMTP on a free loopback port, which keeps what it is sent and can be told to refuse, to
// fail for a while, or to hang. Reads mail with its own few lines, so that a mistake in how mail is written shows.

import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  /** as in the envelope; several recipients would stand here with commas */
  readonly to: string;
  readonly from: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** by name in lower case, unfolded and not decoded; a header that came twice stands joined by a newline */
  readonly headers: Readonly<Record<string, string>>;
  readonly raw: string;
}

export interface MailboxOptions {
  /** every recipient is answered with this code: 550 for good, 450 for now */
  readonly refuse?: number;
  /** the sender is answered with this code */
  readonly refuseSender?: number;
  /** `greeting`: takes connections and says nothing; `answer`: takes the whole mail and says nothing */
  readonly hang?: 'greeting' | 'answer';
  /** so many mails are answered with 451 first */
  readonly failTimes?: number;
  /** asks for these; others are refused */
  readonly login?: { readonly user: string; readonly password: string };
  /** offers STARTTLS, with a certificate that nobody trusts */
  readonly tls?: boolean;
}

export interface Mailbox {
  /** without user and password */
  readonly url: string;
  readonly mails: readonly ReceivedMail[];
  /** connections so far */
  readonly connections: number;
  /** passwords heard so far, right or wrong */
  readonly logins: number;
  /** @returns the `n`th mail to this address (the first is 1); throws when it does not come within five seconds */
  waitFor(to: string, n?: number): Promise<ReceivedMail>;
  close(): Promise<void>;
}

const POLLS = 250;
const POLL_MS = 20;

export async function startMailbox(options: MailboxOptions = {}): Promise<Mailbox> {
  const { refuse, refuseSender, hang, login, tls } = options;
  const mails: ReceivedMail[] = [];
  let failures = options.failTimes ?? 0;
  let connections = 0;
  let logins = 0;

  const server = new SMTPServer({
    // its built-in certificate is for tests, and would be announced on stderr
    logger: false,
    disableReverseLookup: true,
    authOptional: login === undefined,
    allowInsecureAuth: true,
    disabledCommands: [...(login === undefined ? ['AUTH'] : []), ...(tls === true ? [] : ['STARTTLS'])],
    closeTimeout: 50,
    onConnect(_session, done) {
      connections += 1;
      if (hang !== 'greeting') done();
    },
    onAuth({ username, password }, _session, done) {
      logins += 1;
      const isRight = username === login?.user && password === login?.password;
      done(isRight ? null : answer(535), isRight ? { user: username } : undefined);
    },
    onMailFrom(_address, _session, done) {
      done(refuseSender === undefined ? null : answer(refuseSender));
    },
    onRcptTo(_address, _session, done) {
      done(refuse === undefined ? null : answer(refuse));
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (failures > 0) {
          failures -= 1;
          return done(answer(451));
        }
        const { mailFrom, rcptTo } = session.envelope;
        const to = rcptTo.map(({ address }) => address).join(', ');
        mails.push({ to, from: mailFrom === false ? '' : mailFrom.address, ...readMail(Buffer.concat(chunks)) });
        if (hang !== 'answer') done();
      });
    },
  });
  server.on('error', () => {}); // a client that gave up, as it does in tests of hanging

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;

  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    get connections() {
      return connections;
    },
    get logins() {
      return logins;
    },
    async waitFor(to, n = 1) {
      for (let poll = 0; poll < POLLS; poll += 1) {
        const found = mails.filter((mail) => mail.to === to)[n - 1];
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      const seen = mails.map((mail) => `${mail.to}: ${mail.subject}`).join('\n');
      throw new Error(`no mail ${n} to ${to}; there are:\n${seen}`);
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

/** The code of a mail, without the spaces it is printed with. */
export function codeIn(mail: ReceivedMail): string {
  const line = mail.text.split('\n').find((line) => /^[0-9A-Z]+(?:[ -][0-9A-Z]+)*$/.test(line));
  if (line === undefined) throw new Error(`no code in “${mail.subject}”`);
  return line.replaceAll(' ', '');
}

/** The link of a mail: each has one at most. */
export function linkIn(mail: ReceivedMail): URL {
  const line = mail.text.split('\n').find((line) => /^https?:\/\/\S+$/.test(line));
  if (line === undefined) throw new Error(`no link in “${mail.subject}”`);
  return new URL(line);
}

function answer(responseCode: number): Error {
  return Object.assign(new Error('refused by the test'), { responseCode });
}

function readMail(bytes: Buffer): Omit<ReceivedMail, 'to' | 'from'> {
  const raw = bytes.toString('latin1');
  const whole = readPart(raw);
  const boundary = /boundary="?([^";]+)"?/i.exec(whole.headers['content-type'] ?? '')?.[1];
  const parts = boundary === undefined ? [whole] : whole.body.split(`--${boundary}`).slice(1, -1).map(readPart);
  const part = (type: string) => {
    const found = parts.find(({ headers }) => (headers['content-type'] ?? '').startsWith(type));
    return found === undefined ? '' : decodeBody(found).replaceAll('\r\n', '\n');
  };
  return {
    subject: decodeWords(whole.headers.subject ?? ''),
    text: part('text/plain'),
    html: part('text/html'),
    headers: whole.headers,
    raw,
  };
}

interface Part {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function readPart(raw: string): Part {
  const text = raw.replace(/^\r\n/, '');
  const end = text.indexOf('\r\n\r\n');
  const headers: Record<string, string> = {};
  for (const line of text
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}\n${value}`;
  }
  return { headers, body: text.slice(end + 4) };
}

function decodeBody({ headers, body }: Part): string {
  switch (headers['content-transfer-encoding']) {
    case 'base64':
      return Buffer.from(body, 'base64').toString('utf8');
    case 'quoted-printable':
      return decodeQuoted(body.replace(/=\r\n/g, ''));
    default:
      return Buffer.from(body, 'latin1').toString('utf8');
  }
}

function decodeQuoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_whole, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 2047; white space between two encoded words is none. */
function decodeWords(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_whole, how: string, text: string) =>
      how.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64').toString('utf8')
        : decodeQuoted(text.replaceAll('_', ' ')),
    );
}
