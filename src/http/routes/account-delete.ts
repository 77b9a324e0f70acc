// Deleting one's account, which is also how consent to the face check is taken back. The page names the deletion beforehand, so that
// the button can be pressed twice and leads to the same receipt; the receipt tells how far the vendor is, as nobody can sign in to ask.

import type { Context } from 'koa';
import { type ErasureState, readErasure } from '../../admin/erasure.ts';
import type { Account } from '../../core/account.ts';
import { readIdentifier } from '../../core/identifier.ts';
import type { Mailer } from '../../login/mail.ts';
import type { Clock, Logger, Store } from '../../login/ports.ts';
import type { DeviceStore } from '../../login/stores.ts';
import { newToken } from '../../login/tokens.ts';
import type { Cookies } from '../cookies.ts';
import type { Reply } from '../reply.ts';
import { type AccountAccess, type AccountSession, isStrong } from './account-access.ts';

export interface AccountDeletionParts {
  readonly access: AccountAccess;
  /** all that is here at once, the vendor's in the background; safe to repeat with one receipt */
  removeAccount(accountId: string, receipt: string): Promise<unknown>;
  readonly store: Store;
  readonly mailer?: Mailer | undefined;
  readonly devices: Pick<DeviceStore, 'accountsOf'>;
  readonly cookies: Pick<Cookies, 'device' | 'forgetDevice'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly reply: Reply;
  readonly verifierName: string;
}

const RECEIPT = /^[\w-]{22}$/;

export function createAccountDeletion(parts: AccountDeletionParts) {
  const { access, store, mailer, devices, cookies, clock, log, reply, verifierName } = parts;

  function ask(ctx: Context, session: AccountSession, status: number, receipt = newToken(), fault?: string): void {
    reply.page(ctx, status, 'account-delete', {
      csrf: session.csrf,
      identifier: session.account.identifier,
      receipt,
      needsProof: !isStrong(session),
      verifier: verifierName,
      ...(fault === undefined ? {} : { fault }),
    });
  }

  function find(receipt: string): Promise<ErasureState> | ErasureState {
    return RECEIPT.test(receipt) ? readErasure({ store }, receipt) : { kind: 'unknown' };
  }

  /** A mail that cannot be queued brings nothing back. */
  async function tell({ email, id }: Account): Promise<void> {
    if (!mailer || !email) return;
    try {
      await mailer.send(email.address, { kind: 'account-deleted', at: clock.now() });
    } catch (error) {
      log.error({ account: id, err: error }, 'a notice of a deletion could not be queued');
    }
  }

  return {
    async look(ctx: Context): Promise<void> {
      const session = await access.open(ctx);
      if (session) ask(ctx, session, 200);
    },

    async remove(ctx: Context): Promise<void> {
      const fields = await access.readFields(ctx);
      if (!fields) return;
      const { receipt = '' } = fields;
      // pressed once more: who would have to be signed in is gone
      if ((await find(receipt)).kind !== 'unknown') return reply.onTo(ctx, `/account/deleted/${receipt}`);
      const session = await access.open(ctx);
      if (!session && (await find(receipt)).kind !== 'unknown') return reply.onTo(ctx, `/account/deleted/${receipt}`);
      if (!session || !access.isOurs(ctx, session, fields)) return;
      if (!isStrong(session)) return ask(ctx, session, 403);
      if (!RECEIPT.test(receipt)) return ask(ctx, session, 422, newToken(), 'Something was missing. Try once more.');
      const typed = readIdentifier(fields.identifier ?? '');
      if (typed.kind !== 'ok' || typed.identifier !== session.account.identifier)
        return ask(ctx, session, 422, receipt, 'That is not the name of this account.');
      await parts.removeAccount(session.account.id, receipt);
      await tell(session.account);
      const device = cookies.device(ctx);
      // another person may use this browser too
      if (device !== undefined && (await devices.accountsOf(device)).length === 0) cookies.forgetDevice(ctx);
      reply.onTo(ctx, `/account/deleted/${receipt}`);
    },

    async deleted(ctx: Context, receipt: string): Promise<void> {
      const state = await find(receipt);
      const status = state.kind === 'unknown' ? 404 : 200;
      reply.page(ctx, status, 'deleted', {
        path: ctx.path,
        state: state.kind,
        ...(state.kind === 'done' ? { at: new Date(state.at * 1000) } : {}),
        verifier: verifierName,
      });
    },
  };
}
