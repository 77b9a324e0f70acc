// `keys rotate` and `keys retire`: one step each, on the files that hold the keys. One operator at a time: a lease in the storage.

import { setTimeout as delay } from 'node:timers/promises';
import { findLeaseSeconds, type Lease, takeLease } from '../../admin/lease.ts';
import {
  type Dependence,
  describeList,
  type KeyList,
  lacking,
  type Retirement,
  type RotationStep,
  type Running,
  retireKeys,
  rotateKeys,
} from '../../admin/rotate-keys.ts';
import type { Parts } from '../../app-parts.ts';
import { type KeySources, keySourcesOf, readKeySet } from '../../config/keys.ts';
import { KEY_KINDS, type KeyKind } from '../../core/key-rotation.ts';
import { DELIVERY } from '../../login/inbox.ts';
import { repeatResealing } from '../../storage/resealing.ts';
import { countJobsSealedUnder, countSealedUnder } from '../../storage/sealed-records.ts';
import { type Call, FAILED, Failure, Misuse, readAction, SUCCESS } from '../command.ts';
import { openKeyList } from '../key-list.ts';
import { isoTime } from '../output.ts';
import { withParts } from '../work.ts';

const LEASE = 'lease:keys';
const LOOK_EVERY_MS = 250;
const MOST_LOOKS = 240;

export function rotate(call: Call): Promise<number> {
  const kinds = readKinds(call);
  const isNow = call.values.now === true;
  if (isNow && call.values.print === true) throw new Misuse('--now needs files that can be written: not with --print');
  let halfWay: readonly KeyKind[] | undefined;
  return inTurn(call, kinds, async ({ kind, parts, lease, open, openOther }) => {
    const rotation = { ...parts, history: parts.keyHistory };
    // of several lists, some were refused their second step the last time: the others have made theirs, and begin no new rotation
    halfWay ??= kinds.length === 1 ? [] : await withNextKeys(rotation, kinds, openOther);
    if (halfWay.length > 0 && !halfWay.includes(kind)) {
      call.err(`${kind}: its turn is over; left are ${halfWay.join(', ')}`);
      return true;
    }
    let step = await rotateKeys(rotation, await open());
    if (isNow && step.kind === 'added') {
      tell(call, kind, step, 'It becomes the current one when all running instances have it.');
      await untilHeld(parts, kind, step.ids, lease);
      step = await rotateKeys(rotation, await open());
    }
    tell(call, kind, step);
    return step.kind !== 'not-yet';
  });
}

export function retire(call: Call): Promise<number> {
  const kinds = readKinds(call);
  return inTurn(call, kinds, async ({ kind, parts, open }) => {
    const retirement = await retireKeys({ ...parts, history: parts.keyHistory }, await open(), {
      force: call.values.force === true,
      // a delivery that was acknowledged is not lost, force or no force (invariant 5); mails are
      countOf: async (id) =>
        (await countSealedUnder(parts.store, id)) + (await countJobsSealedUnder(parts.backend.bulk, DELIVERY, id)),
    });
    // the pass before was over when these were written, or there is no provider that could have made one
    if (retirement.kept.some(({ why }) => why.kind === 'records'))
      await repeatResealing({ ...parts, jobs: parts.backend.jobs, nowMs: () => parts.clock.now() * 1000 });
    tellRetired(call, kind, retirement);
    return retirement.kept.length === 0;
  });
}

function readKinds(call: Call): readonly KeyKind[] {
  if (call.words[1] === undefined) throw new Misuse(`say which: keys ${call.words[0]} signing, cookie, data or all`);
  const word = readAction(call.words.slice(1), [...KEY_KINDS, 'all']);
  if (word !== 'all') return [word];
  if (call.values.print === true) throw new Misuse('--print is for one list at a time: signing, cookie or data');
  return KEY_KINDS;
}

interface Turn {
  readonly kind: KeyKind;
  readonly parts: Parts;
  readonly lease: Lease;
  open(): Promise<KeyList>;
  /** @throws Failure a list that cannot be changed by us */
  openOther(kind: KeyKind): Promise<KeyList>;
}

/** The kinds whose first step is made and whose second is not. */
async function withNextKeys(
  rotation: Parameters<typeof describeList>[0],
  kinds: readonly KeyKind[],
  open: Turn['openOther'],
): Promise<readonly KeyKind[]> {
  const found: KeyKind[] = [];
  for (const kind of kinds) {
    const list = await open(kind).catch((error: unknown) => {
      // told when its turn comes
      if (error instanceof Failure) return undefined;
      throw error;
    });
    if (list && (await describeList(rotation, list)).some(({ state }) => state === 'next')) found.push(kind);
  }
  return found;
}

/** @param work gives false where something could not be done yet */
function inTurn(call: Call, kinds: readonly KeyKind[], work: (turn: Turn) => Promise<boolean>): Promise<number> {
  return withParts(call, async (parts) => {
    const lease = await takeLease(parts, LEASE);
    if (!lease) {
      const seconds = await findLeaseSeconds(parts, LEASE);
      throw new Failure(
        `somebody else is changing keys on this storage, or was interrupted: look at \`keys\`, and try again in ${seconds} seconds`,
      );
    }
    try {
      const sources: KeySources = keySourcesOf(call.env);
      let isDone = true;
      for (const kind of kinds) {
        const print = call.values.print === true ? (text: string) => call.out(text.trimEnd()) : undefined;
        const openOther = (other: KeyKind) =>
          openKeyList(other, { read: () => readKeySet(call.env), source: sources[other] }, print);
        try {
          isDone = (await work({ kind, parts, lease, open: () => openOther(kind), openOther })) && isDone;
        } catch (error) {
          // of several lists, one that cannot be changed does not keep the others from it
          if (!(error instanceof Failure) || kinds.length === 1) throw error;
          call.err(`keys: ${kind}: ${error.message}`);
          isDone = false;
        }
      }
      return isDone ? SUCCESS : FAILED;
    } finally {
      await lease.release();
    }
  });
}

async function untilHeld(
  parts: Pick<Parts, 'instances'>,
  kind: KeyKind,
  ids: readonly string[],
  lease: Lease,
): Promise<void> {
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    if ((await lacking(parts, kind, ids)).length === 0) return;
    if (!(await lease.keep())) throw new Failure('this took so long that somebody else changes keys now; run it again');
    await delay(LOOK_EVERY_MS);
  }
}

function tell(
  call: Call,
  kind: KeyKind,
  step: RotationStep,
  next = 'Run this again to make it the current one.',
): void {
  const ids = step.ids.join(', ');
  if (step.kind === 'not-yet') {
    const who = step.lacking.map(describeInstance).join('; ');
    call.err(
      `keys: ${kind}: not yet, and nothing was changed: the next key (${ids}) is not known to ${who}. A file is read again within ` +
        'seconds of its change: see that it is the same everywhere, and run this again',
    );
    return;
  }
  // what is printed for a secret store is all that standard output may hold
  const say = call.values.print === true ? call.err : call.out;
  if (call.json) return say(JSON.stringify({ kind, step: step.kind, ids: step.ids }));
  if (step.kind === 'added') return say(`${kind}: ${ids} is the next key: accepted, and used for nothing yet. ${next}`);
  say(
    `${kind}: ${ids} is the current key. The one before is still accepted; \`keys retire ${kind}\` drops it when nothing needs it.`,
  );
}

function tellRetired(call: Call, kind: KeyKind, { retired, kept }: Retirement): void {
  const say = call.values.print === true ? call.err : call.out;
  if (call.json) {
    say(JSON.stringify({ kind, retired, kept }));
    return;
  }
  if (retired.length > 0) say(`${kind}: ${retired.join(', ')} is retired: nothing it made is accepted any more.`);
  for (const { id, why } of kept) call.err(`keys: ${kind}: ${id} stays: ${explain(why)}`);
  if (retired.length + kept.length === 0) say(`${kind}: there is no previous key.`);
}

function explain(why: Dependence): string {
  switch (why.kind) {
    case 'until':
      return `what it made may come back until ${isoTime(why.at)}; --force does not wait`;
    case 'in-use':
      return `it is still the current one of ${why.by.map(describeInstance).join('; ')}`;
    case 'records':
      return `${why.count} records are encrypted with it; a running provider encrypts them anew in the background: try again later`;
  }
}

function describeInstance({ id, startedAt }: Running): string {
  return `instance ${id} (started ${isoTime(startedAt)})`;
}
