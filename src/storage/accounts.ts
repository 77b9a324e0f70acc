// Accounts, faces and invitations. All that is personal is sealed with the record's key as context, so that a
// row cannot be put in another's place; index keys are keyed hashes and reveal nothing (invariant 11).

import { createHash, randomUUID } from 'node:crypto';
import type { Account } from '../core/account.ts';
import { keyPages } from '../login/key-pages.ts';
import { type Clock, FOREVER, type Sealer, type Store } from '../login/ports.ts';
import type { AccountStore, Invitation, InvitationStore } from '../login/stores.ts';
import { rememberOpened } from './opened.ts';

/** A face that no account pins is gone after this: its enrolment came to nothing. */
const UNPINNED_SECONDS = 7200;
/** Longer than a finish takes. */
const REMOVED_SECONDS = 3600;

export interface KeptAccounts extends AccountStore {
  /**
   * Removes the account, its face and its hold on the identifier. Safe to repeat after a crash in between.
   *
   * @returns what was removed; undefined when there is no such account
   */
  remove(id: string): Promise<Account | undefined>;
}

export function createAccountStore(parts: { store: Store; sealer: Sealer }): KeptAccounts {
  const { store, sealer } = parts;
  const accountKey = (id: string) => `account:${id}`;
  const removedKey = (id: string) => `removed-account:${id}`;
  const portraitKey = (ref: string) => `portrait:${ref}`;
  /** the present key's first */
  const identifierKeys = (identifier: string) =>
    sealer.keyedHashes(identifier, 'identifier').map((hash) => `identifier:${hash}`);
  const seal = (account: Account) => sealer.seal(JSON.stringify(account), accountKey(account.id));
  const openRecord = rememberOpened((key, sealed): Account => JSON.parse(sealer.openText(sealed, key)));
  const open = (id: string, sealed: string) => openRecord(accountKey(id), sealed);

  async function find(id: string): Promise<Account | undefined> {
    const sealed = await store.get<string>(accountKey(id));
    return sealed === undefined ? undefined : open(id, sealed);
  }

  async function findId(identifier: string): Promise<string | undefined> {
    for (const key of identifierKeys(identifier)) {
      const id = await store.get<string>(key);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Gives up the identifier, under every key that it is held by. */
  async function letGo({ id, identifier }: Account): Promise<void> {
    for (const key of identifierKeys(identifier)) {
      await store.update<string, void>(key, (owner) => ({
        kind: owner === id ? 'remove' : 'keep',
        result: undefined,
      }));
    }
  }

  /**
   * An identifier that leads nowhere: whoever removed its account did not know yet of the key that it is held under, as the next key had
   * reached another process and not that one. An account's record is there before its identifier and goes after it, so nobody owns this.
   */
  async function takeFromNobody(key: string, id: string): Promise<boolean> {
    const owner = await store.get<string>(key);
    if (owner !== undefined && (await store.get(accountKey(owner))) !== undefined) return owner === id;
    return store.update<string, boolean>(key, (current) =>
      current === owner || current === undefined
        ? { kind: 'write', value: id, ttlSeconds: FOREVER, result: true }
        : { kind: 'keep', result: current === id },
    );
  }

  async function undo(account: Account): Promise<void> {
    await letGo(account);
    await store.delete(accountKey(account.id));
  }

  return {
    find,

    async findByIdentifier(identifier) {
      const id = await findId(identifier);
      return id === undefined ? undefined : find(id);
    },

    async create(account) {
      // the record first: a crash in between leaves a record that nobody finds, never an identifier that leads nowhere
      await store.putIfAbsent(accountKey(account.id), seal(account), FOREVER);
      // under every key: while keys rotate, any two processes have one in common, and only one of them gets that one. In an order that
      // does not depend on which key is the present one: of two who take them in opposite orders neither would win
      for (const key of identifierKeys(account.identifier).sort()) {
        if (await store.putIfAbsent(key, account.id, FOREVER)) continue;
        if (await takeFromNobody(key, account.id)) continue;
        await undo(account);
        return false;
      }
      // removed while its enrolment was being finished once more: read after it was written, and written before it is removed (T18)
      if ((await store.get(removedKey(account.id))) === undefined) return true;
      await undo(account);
      return false;
    },

    change: (id, change) =>
      store.update<string, Account | undefined>(accountKey(id), (sealed) => {
        if (sealed === undefined) return { kind: 'keep', result: undefined };
        const current = open(id, sealed);
        const next = change(current);
        if (next === current) return { kind: 'keep', result: current };
        return { kind: 'write', value: seal(next), ttlSeconds: FOREVER, result: next };
      }),

    async remove(id) {
      const account = await find(id);
      if (account === undefined) return undefined;
      await store.set(removedKey(id), true, REMOVED_SECONDS);
      // the identifier first: a crash in between leaves a record that nobody finds, never an identifier that leads nowhere
      await letGo(account);
      if (account.portrait.kind === 'local') await store.delete(portraitKey(account.portrait.ref));
      // as it is now: who takes its faces away must hear of one that was added meanwhile
      const sealed = await store.take<string>(accountKey(id));
      return sealed === undefined ? account : open(id, sealed);
    },

    async list() {
      const ids: string[] = [];
      for await (const keys of keyPages(store, 'account:'))
        ids.push(...keys.map((key) => key.slice('account:'.length)));
      return ids;
    },

    async keepPortrait(jpeg) {
      const ref = randomUUID();
      await store.set(portraitKey(ref), sealer.seal(jpeg, portraitKey(ref)), UNPINNED_SECONDS);
      return { ref, sha256: createHash('sha256').update(jpeg).digest('hex') };
    },

    pinPortrait: (ref) =>
      store.update<string, void>(portraitKey(ref), (sealed) =>
        sealed === undefined
          ? { kind: 'keep', result: undefined }
          : { kind: 'write', value: sealed, ttlSeconds: FOREVER, result: undefined },
      ),

    async loadPortrait(ref, sha256) {
      const sealed = await store.get<string>(portraitKey(ref));
      if (sealed === undefined) return undefined;
      const jpeg = sealer.open(sealed, portraitKey(ref));
      return createHash('sha256').update(jpeg).digest('hex') === sha256 ? jpeg : undefined;
    },

    dropPortrait: (ref) => store.delete(portraitKey(ref)),
  };
}

export function createInvitationStore(parts: { store: Store; sealer: Sealer; clock: Clock }): InvitationStore {
  const { store, sealer, clock } = parts;
  const invitationKey = (hash: string) => `invitation:${hash}`;
  const open = (hash: string, sealed: string): Invitation => JSON.parse(sealer.openText(sealed, invitationKey(hash)));
  const isOver = (invitation: Invitation) => invitation.expiresAt <= clock.now();
  return {
    create: (hash, invitation) =>
      store.set(
        invitationKey(hash),
        sealer.seal(JSON.stringify(invitation), invitationKey(hash)),
        Math.max(1, invitation.expiresAt - clock.now()),
      ),
    async find(hash) {
      const sealed = await store.get<string>(invitationKey(hash));
      const invitation = sealed === undefined ? undefined : open(hash, sealed);
      return invitation && !isOver(invitation) && !invitation.usedBy ? invitation : undefined;
    },
    use: (hash, accountId) =>
      store.update<string, boolean>(invitationKey(hash), (sealed) => {
        const invitation = sealed === undefined ? undefined : open(hash, sealed);
        if (!invitation || isOver(invitation)) return { kind: 'keep', result: false };
        if (invitation.usedBy) return { kind: 'keep', result: invitation.usedBy === accountId };
        const value = sealer.seal(JSON.stringify({ ...invitation, usedBy: accountId }), invitationKey(hash));
        return { kind: 'write', value, ttlSeconds: Math.max(1, invitation.expiresAt - clock.now()), result: true };
      }),
  };
}
