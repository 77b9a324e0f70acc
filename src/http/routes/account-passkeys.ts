// A new passkey on the person's own page, `/account/passkey`: for whoever showed the face for this session. One who came in with a passkey
// alone, or a code, cannot make another: who borrowed the one for a moment would keep the account. Listed and removed on `/account`.

import type { Context } from 'koa';
import { acrSatisfies } from '../../core/assurance.ts';
import { facesShown } from '../../core/attempt.ts';
import type { KeyMaker, PasskeyMaking } from '../../login/make-passkey.ts';
import type { Clock, Networks } from '../../login/ports.ts';
import type { JourneyRules } from '../../login/rules.ts';
import type { AttemptStore } from '../../login/stores.ts';
import { OWN_CLIENT_ID } from '../../oidc/own-pages.ts';
import { readOrigin } from '../origin.ts';
import type { Pages } from '../pages.ts';
import type { Reply } from '../reply.ts';
import type { AccountAccess, AccountSession } from './account-access.ts';

export interface AccountPasskeyParts {
  readonly making: PasskeyMaking;
  readonly attempts: Pick<AttemptStore, 'find'>;
  readonly networks: Networks;
  readonly clock: Clock;
  readonly rules: Pick<JourneyRules, 'passkeys'>;
  readonly reply: Reply;
}

export type AccountPasskeyRoutes = ReturnType<typeof createAccountPasskeyRoutes>;

export function createAccountPasskeyRoutes(parts: AccountPasskeyParts, access: AccountAccess) {
  const { making, attempts, rules, reply } = parts;

  /** A key goes with the login it was made in, so that one must be known, and the face shown in it. */
  async function makerOf(ctx: Context, session: AccountSession): Promise<KeyMaker | undefined> {
    const { account, acr, loginUid, sessionUid } = session;
    if (!acrSatisfies(acr, 'urn:selfie-oidc:acr:selfie') || !loginUid) return undefined;
    const attempt = await attempts.find(loginUid);
    if (attempt?.accountId !== account.id || attempt.proofs.length === 0) return undefined;
    return {
      account,
      place: sessionUid,
      login: { uid: loginUid, clientId: OWN_CLIENT_ID, origin: readOrigin(ctx, parts) },
      proofs: attempt.proofs,
      faces: facesShown(attempt),
      isSignedIn: () => access.isSignedIn(session),
    };
  }

  function isOff(ctx: Context): boolean {
    if (!rules.passkeys) reply.refusal(ctx, 404, 'not_found', 'There is no such page.');
    return !rules.passkeys;
  }

  async function page(
    ctx: Context,
    session: AccountSession,
    maker: KeyMaker | undefined,
    fault?: Pages['account-passkey']['fault'],
  ): Promise<void> {
    reply.page(ctx, maker ? (fault ? 422 : 200) : 403, 'account-passkey', {
      csrf: session.csrf,
      identifier: session.account.identifier,
      ...(maker ? { make: await making.ask(maker) } : {}),
      ...(fault ? { fault } : {}),
    });
  }

  return {
    async show(ctx: Context): Promise<void> {
      const session = isOff(ctx) ? undefined : await access.open(ctx);
      if (session) await page(ctx, session, await makerOf(ctx, session));
    },

    async make(ctx: Context): Promise<void> {
      const post = isOff(ctx) ? undefined : await access.openPost(ctx);
      if (!post) return;
      const { session, fields } = post;
      const maker = await makerOf(ctx, session);
      if (!maker) return page(ctx, session, maker);
      if (!fields.answer) return page(ctx, session, maker, 'no-answer');
      const { kind } = await making.answer(maker, fields.answer);
      if (kind === 'made') return reply.onTo(ctx, '/account?done=passkey-made');
      return page(ctx, session, maker, kind === 'refused' ? 'not-made' : kind);
    },
  };
}
