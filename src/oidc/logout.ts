// Back-channel logout: the person's logout is answered at once, clients are told by durable jobs, again and again until they
// answer or a day has passed (R12); each try is a line of the journal. OpenID Connect Back-Channel Logout 1.0.

import { createHash, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';
import type { Job, JobQueue, Journal, Logger, Store } from '../login/ports.ts';

export const LOGOUT = 'logout';

/** Waits between tries, in seconds. */
const RETRY_AFTER = [5, 30, 120, 600, 3600, 6 * 3600, 12 * 3600];
/** Whoever presses again does so while the page is still there. */
const TOLD_SECONDS = 3600;

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
  /** @param once names what may be repeated, as the storage failed half-way: a client that was told of it is not told again */
  schedule(clientId: string, accountId: string, sid: string, once?: string): Promise<void>;
  deliver(job: Job): Promise<void>;
}

/** Takes over the library's own delivery, which would wait for every client inside the person's request. */
export function createLogoutDelivery(parts: {
  provider: Provider;
  jobs: JobQueue;
  store: Pick<Store, 'get' | 'set'>;
  journal: Journal;
  log: Logger;
  nowMs: () => number;
  poke: () => void;
}): LogoutDelivery {
  const { provider, jobs, store, journal, log, nowMs, poke } = parts;
  const prototype = provider.Client.prototype as unknown as LibraryClient;
  const send = prototype.backchannelLogout;

  const toldKey = (job: Job) => `logout-told:${job.id}`;

  async function giveUp(job: Job, reason: string): Promise<void> {
    const { clientId, tries } = job.payload as LogoutPayload;
    const made = reason === 'no-address' ? tries : tries + 1;
    await journal.record({ event: 'logout.undelivered', client: clientId, tries: made, reasons: [reason] });
    await jobs.cancel(LOGOUT, job.id);
  }

  const delivery: LogoutDelivery = {
    async schedule(clientId, accountId, sid, once) {
      const payload: LogoutPayload = { clientId, accountId, sid, tries: 0 };
      const id = once === undefined ? randomUUID() : idOf(sid, once);
      await jobs.schedule({ kind: LOGOUT, id, dueAtMs: nowMs(), payload });
      poke();
    },

    async deliver(job) {
      const { clientId, accountId, sid, tries, unknown = 0 } = job.payload as LogoutPayload;
      if ((await store.get(toldKey(job))) !== undefined) return jobs.cancel(LOGOUT, job.id);
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
      await Promise.all([store.set(toldKey(job), true, TOLD_SECONDS), jobs.cancel(LOGOUT, job.id)]);
    },
  };

  prototype.backchannelLogout = function (this: LibraryClient, accountId, sid) {
    return delivery.schedule(this.clientId, accountId, sid, formSecret());
  };
  // The library asks for all of them before it ends the session, and of a failure makes this event and no more: a client whose job could
  // not be stored would never hear of it. What is thrown here is the answer: 503, and the session stays for the next try (R3, R12).
  provider.on('backchannel.error', (_ctx, error) => {
    throw error;
  });
  return delivery;
}

/** Of the form that is pressed: the same when it is pressed again, another for every page. */
function formSecret(): string | undefined {
  return (Provider.ctx?.oidc.session?.state as { readonly secret?: string } | undefined)?.secret;
}

function idOf(sid: string, once: string): string {
  return createHash('sha256').update(`${sid} ${once}`).digest('base64url');
}
