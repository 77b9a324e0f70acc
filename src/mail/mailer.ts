// Mail that arrives although a mail server is down for hours: `send()` seals recipient and content into a durable job and
// returns, so no sign-in waits for SMTP; the worker delivers, again and again, until the server takes the mail, refuses it
// for good, or the mail would come too late to help.

import { randomUUID } from 'node:crypto';
import type { Mail, Mailer } from '../login/mail.ts';
import type { Job, JobQueue, Logger, Sealer } from '../login/ports.ts';
import { isMailAddress } from './address.ts';
import type { Failure } from './failures.ts';
import { afterFailure, expiryOf } from './retries.ts';
import { createSmtp, SMTP_LIMITS, type Smtp, type SmtpLimits, type SmtpSettings } from './smtp.ts';
import { createLetters } from './template-check.ts';

export const MAIL = 'mail';

/** Each is a connection to the server, and for as long as it hangs a place at the worker that sign-ins share. */
const MOST_AT_ONCE = 8;
const NO_ROOM_MS = 1000;
const TOO_LATE = 'a mail could not be sent in time and is given up';

/** No personal data but what is sealed. */
interface MailPayload {
  readonly sealed: string;
  readonly expiresAtMs: number;
  readonly isCode: boolean;
  readonly tries: number;
}

interface Sealed {
  readonly to: string;
  readonly mail: Mail;
}

export interface MailerParts {
  readonly smtp: SmtpSettings;
  readonly jobs: JobQueue;
  readonly sealer: Sealer;
  readonly log: Logger;
  readonly nowMs: () => number;
  /** tells the worker that a job is due */
  readonly poke: () => void;
  /** how this provider calls itself */
  readonly serviceName?: string | undefined;
  /** a folder with an operator's own templates */
  readonly templates?: string | undefined;
  readonly limits?: SmtpLimits | undefined;
}

export interface MailDelivery {
  /** `send()` throws TypeError for what is no plain mail address: the caller asks for one that is. */
  readonly mailer: Mailer;
  /** the kind of job that `deliver` handles */
  readonly jobKind: typeof MAIL;
  /** The worker's handler of its jobs. Safe to repeat; throws only what the storage throws. */
  deliver(job: Job): Promise<void>;
  /** For `check`: connects and signs in, and sends nothing. Never throws. */
  probe: Smtp['probe'];
  /** Begins no more tries and ends those under way; call it before the worker stops. Their jobs stay for the next process. */
  close(): Promise<void>;
}

/**
 * @throws MailTemplateFault a template that cannot be used
 * @throws TypeError         a mail server or sender that cannot be used
 */
export function createMailer(parts: MailerParts): MailDelivery {
  const { jobs, sealer, log, nowMs, poke, limits = SMTP_LIMITS } = parts;
  const letters = createLetters({ directory: parts.templates, serviceName: parts.serviceName });
  const smtp = createSmtp(parts.smtp, limits);
  const underWay = new Map<Promise<unknown>, AbortController>();
  /** Taken by the server, but still a job: a storage that failed in between must not send them twice. */
  const taken = new Set<string>();
  let isClosed = false;

  async function done(id: string): Promise<void> {
    await jobs.cancel(MAIL, id);
    taken.delete(id);
  }

  async function attempt(id: string, { sealed, expiresAtMs }: MailPayload, signal: AbortSignal) {
    try {
      const { to, mail }: Sealed = JSON.parse(sealer.openText(sealed, contextOf(id)));
      return await smtp.send({ id, to, letter: letters.write(mail, expiresAtMs), atMs: nowMs() }, signal);
    } catch {
      // A key that only a newer process has, or a template that fails: the message may quote the mail.
      return { code: 'unwritable', permanent: false } satisfies Failure;
    }
  }

  /** One try, ended at its deadline whatever the server does. */
  async function attemptInTime(id: string, payload: MailPayload): Promise<Failure | undefined> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), limits.tryMs);
    const run = attempt(id, payload, abort.signal);
    underWay.set(run, abort);
    return run.finally(() => {
      clearTimeout(timer);
      underWay.delete(run);
    });
  }

  /** Again later, or never. */
  async function settle(job: Job, payload: MailPayload, failure: Failure): Promise<void> {
    const tries = payload.tries + 1;
    const fields = { kind: MAIL, tries, code: failure.code, status: failure.status };
    const next = afterFailure(payload, failure, nowMs());
    if (next.kind === 'again') {
      log.warn(fields, 'a mail was not taken; it is sent again');
      // whoever was handed it since, as this took too long, may have sent it
      await jobs.giveBack(job, { dueAtMs: next.dueAtMs, payload: { ...payload, tries } satisfies MailPayload });
    } else {
      log.error(fields, next.kind === 'refused' ? 'a mail was refused for good' : TOO_LATE);
      await done(job.id);
    }
  }

  return {
    jobKind: MAIL,
    mailer: {
      accepts: isMailAddress,
      async send(to, mail) {
        // Header injection and second recipients end here; see also `plain()`.
        if (!isMailAddress(to)) throw new TypeError('the recipient of a mail is no mail address');
        const id = randomUUID();
        const now = nowMs();
        const payload: MailPayload = {
          sealed: sealer.seal(JSON.stringify({ to, mail } satisfies Sealed), contextOf(id)),
          expiresAtMs: expiryOf(mail, now),
          isCode: 'code' in mail,
          tries: 0,
        };
        await jobs.schedule({ kind: MAIL, id, dueAtMs: now, payload });
        poke();
      },
    },

    async deliver(job) {
      const { id } = job;
      const payload = job.payload as MailPayload;
      if (isClosed) return;
      if (taken.has(id)) return done(id);
      if (nowMs() >= payload.expiresAtMs) {
        log.error({ kind: MAIL, tries: payload.tries }, TOO_LATE);
        return done(id);
      }
      if (underWay.size >= MOST_AT_ONCE) {
        return jobs.giveBack(job, { dueAtMs: nowMs() + NO_ROOM_MS, payload });
      }
      const failure = await attemptInTime(id, payload);
      if (failure !== undefined) return settle(job, payload, failure);
      taken.add(id);
      log.info({ kind: MAIL, tries: payload.tries + 1 }, 'a mail was taken by the mail server');
      await done(id);
    },

    probe: smtp.probe,

    async close() {
      isClosed = true;
      const timer = setTimeout(() => {
        for (const abort of underWay.values()) abort.abort();
      }, limits.closeMs);
      await Promise.all(underWay.keys());
      clearTimeout(timer);
    },
  };
}

/** Binds a sealed mail to its job: copied into another it does not open (T14). */
function contextOf(id: string): string {
  return `mail:${id}`;
}
