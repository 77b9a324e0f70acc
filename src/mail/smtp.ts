// The mail server: settings into a connection that is encrypted and bounded in time, and one try to hand a letter over.

import nodemailer, { type SMTPTransportOptions } from 'nodemailer';
import { isLoopbackHost } from '../core/outgoing.ts';
import { domainOf, isMailAddress } from './address.ts';
import { type Failure, failureOf, reasonOf } from './failures.ts';
import type { Letter } from './letters.ts';

export interface SmtpSettings {
  /** `smtps:` or `smtp:`, user and password percent-encoded; nothing after the port */
  readonly url: string;
  /** `login@example.org` or `Example Login <login@example.org>` */
  readonly from: string;
}

export interface SmtpLimits {
  readonly connectionMs: number;
  readonly greetingMs: number;
  /** silence in the middle of a conversation */
  readonly socketMs: number;
  /** a whole try, whatever the server does; a job is somebody else's after 30 seconds */
  readonly tryMs: number;
  /** how long tries under way may still take when the process ends */
  readonly closeMs: number;
}

export const SMTP_LIMITS: SmtpLimits = {
  connectionMs: 10_000,
  greetingMs: 10_000,
  // as long as the whole try: a server that scans a mail before it answers is not silent without a reason
  socketMs: 20_000,
  tryMs: 20_000,
  closeMs: 3000,
};

export interface Parcel {
  /** the same for every try: a server or mailbox that got the mail twice can tell */
  readonly id: string;
  readonly to: string;
  readonly letter: Letter;
  readonly atMs: number;
}

export interface Smtp {
  /** One try. @returns undefined when the server took it; never throws */
  send(parcel: Parcel, signal: AbortSignal): Promise<Failure | undefined>;
  /** Connects, encrypts and signs in; sends nothing. */
  probe(): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>;
}

/** @throws TypeError settings nobody can send with; tells no part of the URL */
export function createSmtp(settings: SmtpSettings, limits: SmtpLimits = SMTP_LIMITS): Smtp {
  const from = readSender(settings.from);
  const transport = nodemailer.createTransport(connectionOptions(settings.url, limits));

  return {
    async send({ id, to, letter, atMs }, signal) {
      try {
        await transport.sendMail({
          from,
          // an object: as text it would be read as a list
          to: { name: '', address: to },
          ...letter,
          date: new Date(atMs),
          messageId: `<${id}@${domainOf(from.address)}>`,
          // RFC 3834 §5, and its Exchange dialect: no vacation notes and no loops
          headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
          xMailer: false,
          disableFileAccess: true,
          disableUrlAccess: true,
          signal,
        });
        return undefined;
      } catch (error) {
        return failureOf(error);
      }
    },

    async probe() {
      const failure = await verified(transport, limits.tryMs);
      return failure === undefined ? { ok: true } : { ok: false, reason: reasonOf(failure) };
    },
  };
}

/** Without a signal of its own, `verify()` is raced: a server that trickles could hold it for ever. */
async function verified(transport: { verify(): Promise<unknown> }, withinMs: number): Promise<Failure | undefined> {
  const late = Promise.withResolvers<Failure>();
  const timer = setTimeout(() => late.resolve({ code: 'ETIMEDOUT', permanent: false }), withinMs);
  const done = transport.verify().then(() => undefined, failureOf);
  return Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
}

/** Exported for its tests: what is asked of a server that is not on this machine. */
export function connectionOptions(smtpUrl: string, limits: SmtpLimits): SMTPTransportOptions {
  const url = URL.parse(smtpUrl);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '') {
    throw new TypeError('the mail server is no smtp: or smtps: URL');
  }
  // the library would take options from here, "do not verify certificates" among them
  if (url.search !== '' || url.hash !== '' || !/^\/?$/.test(url.pathname)) {
    throw new TypeError('the mail server URL ends after host and port');
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const secure = url.protocol === 'smtps:' || url.port === '465';
  const port = url.port === '' ? (secure ? 465 : 587) : Number(url.port);
  return {
    host,
    port,
    secure,
    // an offer of STARTTLS is always taken; somebody in between can strike it out, so without it nothing is said
    requireTLS: !secure && !isLoopbackHost(host),
    // said here because NODE_TLS_REJECT_UNAUTHORIZED=0, set for something else, would switch it off
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    // a server that forgot to ask for the password would relay, or refuse, as if nobody had one
    ...(url.username !== '' && { forceAuth: true, auth: { user: decoded(url.username), pass: decoded(url.password) } }),
    connectionTimeout: limits.connectionMs,
    greetingTimeout: limits.greetingMs,
    socketTimeout: limits.socketMs,
    dnsTimeout: limits.connectionMs,
    socketCloseTimeout: 1000,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TypeError('user or password in the mail server URL is not percent-encoded');
  }
}

function readSender(from: string): { name: string; address: string } {
  const [, name = '', bracketed, bare] = /^(?:([^<>"\p{Cc}]*)<([^<>\s]+)>|([^<>\s]+))$/u.exec(from) ?? [];
  const address = bracketed ?? bare ?? '';
  if (!isMailAddress(address)) throw new TypeError('the sender of mail is no mail address');
  return { name: name.trim(), address };
}
