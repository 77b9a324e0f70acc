// Back-channel logout: the person's logout is answered at once, clients are told by durable jobs, again and again until they
// answer or a day has passed (R12); each try is a line of the journal. OpenID Connect Back-Channel Logout 1.0.

import { randomUUID } from 'node:crypto';
import type Provider from 'oidc-provider';
import type { Job, JobQueue, Journal, Logger } from '../login/ports.ts';

export const LOGOUT = 'logout';

/** Waits between tries, in seconds. */
const RETRY_AFTER = [5, 30, 120, 600, 3600, 6 * 3600, 12 * 3600];

interface LogoutPayload {
  readonly clientId: string;
  readonly accountId: string;
  readonly sid: string;
  readonly tries: number;
  /** how often it came to a process that knows no address */
  readonly unknown?: number;
}

type LibraryClient = {
  clientId: string;
  backchannelLogoutUri?: string | undefined;
  backchannelLogout(accountId: string, sid: string): Promise<void>;
};

export interface LogoutDelivery {
  schedule(clientId: string, accountId: string, sid: string): Promise<void>;
  deliver(job: Job): Promise<void>;
}

/** Takes over the library's own delivery, which would wait for every client inside the person's request. */
export function createLogoutDelivery(parts: {
  provider: Provider;
  jobs: JobQueue;
  journal: Journal;
  log: Logger;
  nowMs: () => number;
  poke: () => void;
}): LogoutDelivery {
  const { provider, jobs, journal, log, nowMs, poke } = parts;
  const prototype = provider.Client.prototype as unknown as LibraryClient;
  const send = prototype.backchannelLogout;

  async function giveUp(job: Job, reason: string): Promise<void> {
    const { clientId, tries } = job.payload as LogoutPayload;
    const made = reason === 'no-address' ? tries : tries + 1;
    await journal.record({ event: 'logout.undelivered', client: clientId, tries: made, reasons: [reason] });
    await jobs.cancel(LOGOUT, job.id);
  }

  const delivery: LogoutDelivery = {
    async schedule(clientId, accountId, sid) {
      const payload: LogoutPayload = { clientId, accountId, sid, tries: 0 };
      await jobs.schedule({ kind: LOGOUT, id: randomUUID(), dueAtMs: nowMs(), payload });
      poke();
    },

    async deliver(job) {
      const { clientId, accountId, sid, tries, unknown = 0 } = job.payload as LogoutPayload;
      const client = await provider.Client.find(clientId).catch(() => undefined);
      if (!client?.backchannelLogoutUri) {
        // the entry was changed meanwhile; or this process has not read it yet, and another one has
        const seconds = RETRY_AFTER[unknown];
        if (seconds === undefined) return giveUp(job, 'no-address');
        const payload: LogoutPayload = { clientId, accountId, sid, tries, unknown: unknown + 1 };
        return jobs.giveBack(job, { dueAtMs: nowMs() + seconds * 1000, payload });
      }
      try {
        await send.call(client as unknown as LibraryClient, accountId, sid);
      } catch (error) {
        const seconds = RETRY_AFTER[tries];
        const code = error instanceof Error ? error.name : 'unknown';
        if (seconds === undefined) {
          log.error({ client: clientId, code }, 'a client could not be told of a logout');
          return giveUp(job, code);
        }
        log.warn({ client: clientId, code, tries: tries + 1 }, 'a client did not take a logout; it is told again');
        const payload: LogoutPayload = { clientId, accountId, sid, tries: tries + 1 };
        await journal.record({ event: 'logout.retried', client: clientId, tries: tries + 1, reasons: [code] });
        // whoever was handed it since, as this took too long, may have told the client
        return jobs.giveBack(job, { dueAtMs: nowMs() + seconds * 1000, payload });
      }
      // the line before the job is gone: after a crash in between a client is told twice, never a telling forgotten
      await journal.record({ event: 'logout.delivered', client: clientId, tries: tries + 1 });
      await jobs.cancel(LOGOUT, job.id);
    },
  };

  prototype.backchannelLogout = function (this: LibraryClient, accountId, sid) {
    return delivery.schedule(this.clientId, accountId, sid);
  };
  return delivery;
}
