// The clients, read again: once, by the primary, and served by all workers or by none. The first to be asked judges them, as each would
// judge the same; what it refuses nobody else is asked to serve.

import type { ClientEntry } from '../config/client-entry.ts';
import type { ClientsReader } from '../config/reload.ts';
import type { Logger } from '../login/ports.ts';
import type { Crew, Member } from './crew.ts';

export interface Reloading {
  /** What the worker in a place begins with. */
  begin(place: number): readonly ClientEntry[];
  /** Reads again; one after another, as often as it is asked. */
  reload(): Promise<void>;
  /** A worker has said whether it serves what it was sent. */
  answered(member: Member, version: number, accepted: boolean): void;
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
  let version = 0;
  let lastVersion = 0;
  /** what the worker in each place began with */
  const begunWith = new Map<number, number>();
  let latest: Promise<void> = Promise.resolve();
  let waitingFor:
    | { readonly member: Member; readonly version: number; readonly answer: (accepted: boolean | undefined) => void }
    | undefined;

  /** @returns undefined when it ended before it could say */
  function judge(member: Member, candidates: readonly ClientEntry[], number: number): Promise<boolean | undefined> {
    return new Promise((resolve) => {
      waitingFor = { member, version: number, answer: resolve };
      member.worker.send({ kind: 'serve-clients', version: number, clients: candidates });
    });
  }

  async function reloadNow(): Promise<void> {
    const reading = await read(clients);
    if (!reading.ok) {
      for (const fault of reading.faults) log.error({ ...fault }, 'a fault in the configuration');
      log.error({ faults: reading.faults.length }, 'clients not read again: those before stay in use');
      return;
    }
    for (const warning of reading.warnings) log.warn({ warning }, 'a warning about the configuration');
    const number = ++lastVersion;
    for (let [first] = members(); first; [first] = members()) {
      const accepted = await judge(first, reading.clients, number);
      if (accepted === false) return;
      if (accepted === undefined) continue;
      ({ clients } = reading);
      version = number;
      for (const member of members()) if (member !== first) serve(member);
      return;
    }
  }

  function serve(member: Member): void {
    member.worker.send({ kind: 'serve-clients', version, clients });
  }

  return {
    begin(place) {
      begunWith.set(place, version);
      return clients;
    },
    reload() {
      latest = latest.then(reloadNow).catch((error: unknown) => {
        log.error({ err: error }, 'clients could not be read again: those before stay in use');
      });
      return latest;
    },
    answered(member, number, accepted) {
      if (waitingFor?.member !== member || waitingFor.version !== number) return;
      waitingFor.answer(accepted);
      waitingFor = undefined;
    },
    joined(member) {
      if (begunWith.get(member.place) !== version) serve(member);
    },
    left(member) {
      if (waitingFor?.member !== member) return;
      waitingFor.answer(undefined);
      waitingFor = undefined;
    },
  };
}
