// The clients, read again: once, by the primary, and served by all workers or by none. The first to be asked judges them, as each would
// judge the same; what it refuses nobody else is asked to serve.

import type { ClientEntry } from '../config/client-entry.ts';
import type { ClientsReader } from '../config/reload.ts';
import type { Logger } from '../login/ports.ts';
import type { Crew, Member } from './crew.ts';

export interface Reloading {
  /** what a worker begins with that starts now */
  readonly clients: readonly ClientEntry[];
  /** Reads again; one after another, as often as it is asked. */
  reload(): Promise<void>;
  /** A worker has said whether it serves what it was sent. */
  answered(member: Member, accepted: boolean): void;
  /** A worker listens from now on, and may have begun with clients of before. */
  joined(member: Member): void;
  left(member: Member): void;
}

export function createReloading(options: {
  readonly first: readonly ClientEntry[];
  readonly read: ClientsReader;
  readonly members: () => Crew['members'];
  readonly log: Logger;
}): Reloading {
  const { read, members, log } = options;
  let clients = options.first;
  let latest: Promise<void> = Promise.resolve();
  let waitingFor: { readonly member: Member; readonly answer: (accepted: boolean | undefined) => void } | undefined;

  /** @returns undefined when it ended before it could say */
  function judge(member: Member, candidates: readonly ClientEntry[]): Promise<boolean | undefined> {
    return new Promise((resolve) => {
      waitingFor = { member, answer: resolve };
      member.worker.send({ kind: 'serve-clients', clients: candidates });
    });
  }

  function answer(member: Member, accepted: boolean | undefined): void {
    if (waitingFor?.member !== member) return;
    waitingFor.answer(accepted);
    waitingFor = undefined;
  }

  async function reloadNow(): Promise<void> {
    const reading = await read(clients);
    if (!reading.ok) {
      for (const fault of reading.faults) log.error({ ...fault }, 'a fault in the configuration');
      log.error({ faults: reading.faults.length }, 'clients not read again: those before stay in use');
      return;
    }
    for (const warning of reading.warnings) log.warn({ warning }, 'a warning about the configuration');
    for (let judges = members(); judges.length > 0; judges = members()) {
      const [judge_] = judges;
      const accepted = judge_ && (await judge(judge_, reading.clients));
      if (accepted === false) return;
      if (accepted === undefined) continue;
      ({ clients } = reading);
      for (const { worker } of members().filter((member) => member !== judge_))
        worker.send({ kind: 'serve-clients', clients });
      return;
    }
  }

  return {
    get clients() {
      return clients;
    },
    reload() {
      latest = latest.then(reloadNow).catch((error: unknown) => {
        log.error({ err: error }, 'clients could not be read again: those before stay in use');
      });
      return latest;
    },
    answered: answer,
    joined(member) {
      if (clients !== options.first) member.worker.send({ kind: 'serve-clients', clients });
    },
    left: (member) => answer(member, undefined),
  };
}
