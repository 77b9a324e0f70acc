// Known devices: browsers that showed an account's face or key, by the hash of their cookie, and which of them an account has. Sealed,
// as they tell from which networks somebody signs in.

import type { Sealer, Store } from '../login/ports.ts';
import type { DeviceStore, DeviceUse, DeviceVisit } from '../login/stores.ts';
import { rememberOpened } from './opened.ts';

const DEVICE_SECONDS = 400 * 86_400;
/** A list that says what it should is written again once in each such time, and outlives what it names although one such write fails. */
const LIST_RENEWED_SECONDS = 30 * 86_400;
const LIST_SECONDS = DEVICE_SECONDS + 2 * LIST_RENEWED_SECONDS;
const ACCOUNTS_PER_DEVICE = 8;
const NETWORKS_PER_DEVICE = 20;
const DEVICES_PER_ACCOUNT = 50;
/** As many as a person can look up, and deny. */
const LOGINS_PER_DEVICE = 50;

export interface KeptDevices extends DeviceStore {
  /** Takes an account off every device that remembers it. @returns how many did */
  forgetAccount(accountId: string): Promise<number>;
}

export function createDeviceStore(parts: { store: Store; sealer: Sealer }): KeptDevices {
  const { store, sealer } = parts;
  const deviceKey = (hash: string) => `known-device:${hash}`;
  const listKey = (accountId: string) => `devices-of:${accountId}`;
  const seal = (hash: string, uses: readonly DeviceUse[]) => sealer.seal(JSON.stringify(uses), deviceKey(hash));
  const openRecord = rememberOpened((key, sealed): readonly DeviceUse[] =>
    // an earlier version kept no marks
    (JSON.parse(sealer.openText(sealed, key)) as DeviceUse[]).map((use) => ({ ...use, marks: use.marks ?? [] })),
  );
  const open = (hash: string, sealed: string | undefined) =>
    sealed === undefined ? [] : openRecord(deviceKey(hash), sealed);

  async function read(hash: string): Promise<readonly DeviceUse[]> {
    return open(hash, await store.get<string>(deviceKey(hash)));
  }

  function change(hash: string, next: (uses: readonly DeviceUse[]) => readonly DeviceUse[]): Promise<boolean> {
    return store.update<string, boolean>(deviceKey(hash), (sealed) => {
      const uses = open(hash, sealed);
      const changed = next(uses);
      if (changed === uses) return { kind: 'keep', result: false };
      if (changed.length === 0) return { kind: 'remove', result: true };
      return { kind: 'write', value: seal(hash, changed), ttlSeconds: DEVICE_SECONDS, result: true };
    });
  }

  /**
   * @param besides on its way out, so that it takes nobody's place
   * @returns what did not fit any more
   */
  function changeList(
    accountId: string,
    next: (hashes: readonly string[]) => readonly string[],
    besides = '',
  ): Promise<readonly string[]> {
    return store.update<readonly string[], readonly string[]>(listKey(accountId), (hashes = []) => {
      const all = next(hashes);
      if (all === hashes) return { kind: 'keep', result: [] };
      if (all.length === 0) return { kind: 'remove', result: [] };
      const most = DEVICES_PER_ACCOUNT + (all.includes(besides) ? 1 : 0);
      return { kind: 'write', value: all.slice(0, most), ttlSeconds: LIST_SECONDS, result: all.slice(most) };
    });
  }

  const without = (hash: string) => (hashes: readonly string[]) =>
    hashes.includes(hash) ? hashes.filter((each) => each !== hash) : hashes;

  async function takeOff(hash: string, accountId: string): Promise<DeviceUse | undefined> {
    let had: DeviceUse | undefined;
    await change(hash, (uses) => {
      had = uses.find((use) => use.accountId === accountId);
      return had ? uses.filter((use) => use !== had) : uses;
    });
    return had;
  }

  async function drop(hash: string, accountId: string): Promise<DeviceUse | undefined> {
    const had = await takeOff(hash, accountId);
    await changeList(accountId, without(hash));
    return had;
  }

  /** What does not fit any more is known no longer. */
  async function listFirst(
    accountId: string,
    hash: string,
    options: { isRenewing?: boolean; besides?: string | undefined } = {},
  ): Promise<void> {
    const putFirst = (hashes: readonly string[]) =>
      hashes[0] === hash && !options.isRenewing ? hashes : [hash, ...hashes.filter((each) => each !== hash)];
    const unlisted = await changeList(accountId, putFirst, options.besides);
    for (const each of unlisted) await takeOff(each, accountId);
  }

  /** The last step of a change of cookies: until then both are listed, so that whoever takes their devices back finds both. */
  async function leave(
    from: string,
    hash: string,
    earlier: readonly DeviceUse[],
    others: readonly string[],
  ): Promise<void> {
    const left = open(from, await store.take<string>(deviceKey(from)));
    // who was taken off the old one meanwhile is not known on the new one either (T8)
    for (const id of others) if (!knows(left, id)) await drop(hash, id);
    for (const { accountId } of earlier) await changeList(accountId, without(from));
  }

  const devices: KeptDevices = {
    accountsOf: async (hash) => (await read(hash)).map((use) => use.accountId),

    usesOf: read,

    find: async (hash, accountId) => (await read(hash)).find((use) => use.accountId === accountId),

    async remember(hash, accountId, visit, from) {
      if (from === undefined && (await devices.revisit(hash, accountId, visit))) return;
      const earlier = from === undefined ? [] : await read(from);
      const others = earlier.flatMap((use) => (use.accountId === accountId ? [] : [use.accountId]));
      // before it is known: known and in no list, it could not be taken back with the rest, and a finish may stop here (T8)
      for (const id of [accountId, ...others]) await listFirst(id, hash, { besides: from });
      await change(hash, (uses) =>
        withVisit([...uses, ...earlier.filter((each) => !knows(uses, each.accountId))], accountId, visit),
      );
      // looked at again, as it may have been forgotten in between
      for (const id of [accountId, ...others]) await listFirst(id, hash, { besides: from });
      if (from !== undefined) await leave(from, hash, earlier, others);
    },

    async revisit(hash, accountId, visit) {
      let isListRenewed = false;
      const isNoted = await change(hash, (uses) => {
        const before = uses.find((use) => use.accountId === accountId);
        if (before === undefined) return uses;
        isListRenewed = renewalOf(before.lastUsedAt) === renewalOf(visit.at);
        return withVisit(uses, accountId, visit);
      });
      // once in a while written also where nothing changes: the list must not end before what it names
      if (isNoted) await listFirst(accountId, hash, { isRenewing: !isListRenewed });
      return isNoted;
    },

    async forget(hash) {
      const uses = await read(hash);
      await store.delete(deviceKey(hash));
      for (const { accountId } of uses) await changeList(accountId, without(hash));
    },

    drop,

    async list(accountId) {
      const hashes = (await store.get<readonly string[]>(listKey(accountId))) ?? [];
      const found = await Promise.all(
        hashes.map(async (device) => {
          const use = await devices.find(device, accountId);
          return use ? [{ ...use, device }] : [];
        }),
      );
      return found.flat();
    },

    async forgetAccount(accountId) {
      const hashes = (await store.get<readonly string[]>(listKey(accountId))) ?? [];
      const had = await Promise.all(hashes.map((hash) => drop(hash, accountId)));
      return had.filter(Boolean).length;
    },
  };
  return devices;
}

const knows = (uses: readonly DeviceUse[], accountId: string) => uses.some((use) => use.accountId === accountId);

const renewalOf = (at: number) => Math.floor(at / LIST_RENEWED_SECONDS);

/** The latest first. Pure, as the store may run it twice. */
function withVisit(uses: readonly DeviceUse[], accountId: string, visit: DeviceVisit): readonly DeviceUse[] {
  const before = uses.find((use) => use.accountId === accountId);
  const rest = uses.filter((use) => use.accountId !== accountId);
  return [visited(accountId, before, visit), ...rest].slice(0, ACCOUNTS_PER_DEVICE);
}

function visited(accountId: string, before: DeviceUse | undefined, visit: DeviceVisit): DeviceUse {
  const networks = before?.networks ?? [];
  const selfie = visit.selfie ?? before?.selfie;
  return {
    accountId,
    firstUsedAt: before?.firstUsedAt ?? visit.at,
    lastUsedAt: visit.at,
    browser: visit.browser,
    logins: [visit.uid, ...(before?.logins ?? []).filter((uid) => uid !== visit.uid)].slice(0, LOGINS_PER_DEVICE),
    marks: [...new Set([...(before?.marks ?? []), visit.mark])],
    networks: visit.selfie
      ? [{ prefix: visit.prefix, at: visit.at }, ...networks.filter(({ prefix }) => prefix !== visit.prefix)].slice(
          0,
          NETWORKS_PER_DEVICE,
        )
      : networks,
    ...(selfie ? { selfie } : {}),
  };
}
