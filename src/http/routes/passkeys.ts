// The passkey of a login, at `/interaction/:uid/passkey`: instead of a selfie, where that is offered, or beside one. What the browser
// signed comes back in a field of a form. Nobody learns here whether an account has a passkey before its face was shown (T26).

import type { Context } from 'koa';
import { facesShown, type LoginAttempt } from '../../core/attempt.ts';
import type { KeyMaker } from '../../login/make-passkey.ts';
import { openPerson } from '../../login/secrets.ts';
import type { KeyPart } from '../../login/use-passkey.ts';
import type { OpenInteraction } from '../../oidc/interactions.ts';
import { viewOfClient } from '../client-view.ts';
import type { Pages } from '../pages.ts';
import type { Access, InteractionRouteParts } from './access.ts';
import type { Ends } from './ends.ts';

type View = Pages['passkey'];
type Open = readonly [OpenInteraction, LoginAttempt];

export function createPasskeyRoutes(
  parts: InteractionRouteParts,
  access: Access,
  { finishUnlessKey }: Pick<Ends, 'finishUnlessKey'>,
) {
  const { journey, accounts, attempts, passkeys, reply, sealer } = parts;
  const { open, readPost, isOver, formOf, showEnded } = access;
  const { passkeyUse, passkeyMaking } = journey;

  /** The attempt of this browser, as long as it can be gone on with; else an answer. */
  async function findAttempt(ctx: Context, uid: string): Promise<Open | undefined> {
    const interaction = await open(ctx, uid);
    if (!interaction) return undefined;
    const attempt = await attempts.find(uid);
    if (!attempt) reply.onTo(ctx, `/interaction/${uid}`);
    else if (isOver(attempt)) await showEnded(ctx, interaction, attempt);
    else return [interaction, attempt];
    return undefined;
  }

  async function passkey(ctx: Context, uid: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (found) await show(ctx, found, { made: ctx.query.made !== undefined });
  }

  async function show(
    ctx: Context,
    [interaction, attempt]: Open,
    shown: { readonly fault?: View['fault']; readonly made?: boolean },
  ): Promise<void> {
    const part = passkeyUse.partIn(attempt);
    if (part.kind === 'none') {
      const next = attempt.state === 'settled' ? 'finish' : 'other';
      return reply.onTo(ctx, `/interaction/${attempt.uid}/${next}`);
    }
    reply.page(ctx, shown.fault ? 422 : 200, 'passkey', {
      form: formOf(attempt.uid),
      client: viewOfClient(interaction.client),
      identifier: openPerson(sealer, attempt).identifier,
      made: shown.made ?? false,
      ...(shown.fault ? { fault: shown.fault } : {}),
      ...(await offered(attempt, part)),
    });
  }

  async function offered(
    attempt: LoginAttempt,
    part: Exclude<KeyPart, { kind: 'none' }>,
  ): Promise<Pick<View, 'beside' | 'use' | 'make' | 'mayGoWithout'>> {
    if (part.kind === 'alone') return { beside: false, use: await passkeyUse.ask(attempt), mayGoWithout: false };
    const own = await passkeys.list(part.accountId);
    const isUsable = own.some(({ copiedAt }) => copiedAt === undefined);
    const maker = await makerOf(attempt, part);
    return {
      beside: true,
      ...(isUsable ? { use: await passkeyUse.ask(attempt) } : {}),
      ...(maker ? { make: await passkeyMaking.ask(maker) } : {}),
      mayGoWithout: part.mayGoWithout,
    };
  }

  async function makerOf(attempt: LoginAttempt, part: KeyPart & { kind: 'beside' }): Promise<KeyMaker | undefined> {
    const account = await accounts.find(part.accountId);
    return (
      account && { account, place: attempt.uid, login: attempt, proofs: attempt.proofs, faces: facesShown(attempt) }
    );
  }

  async function answerPasskey(ctx: Context, uid: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (!found) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    const { passkey: wish, answer = '' } = fields;
    if (wish === 'without') return finishUnlessKey(ctx, uid, { withoutKey: true }, () => show(ctx, found, {}));
    // the button was pressed where no script runs
    if (answer === '') return show(ctx, found, { fault: 'no-answer' });
    return wish === 'make' ? make(ctx, found, answer) : use(ctx, found, answer);
  }

  async function use(ctx: Context, found: Open, answer: string): Promise<void> {
    const [interaction, { uid }] = found;
    const outcome = await passkeyUse.answer(uid, answer);
    switch (outcome.kind) {
      case 'to-finish':
        return reply.onTo(ctx, `/interaction/${uid}/finish`);
      case 'more':
      case 'over':
        return reply.onTo(ctx, `/interaction/${uid}`);
      case 'not-offered':
        return reply.refusal(ctx, 403, 'not_offered', 'A passkey is not asked for in this sign-in.');
      case 'stale':
      case 'refused':
        return show(ctx, found, { fault: outcome.kind });
      case 'limited':
        ctx.set('Retry-After', String(outcome.retryAfterSeconds));
        return reply.page(ctx, 429, 'limited', {
          form: formOf(uid),
          client: viewOfClient(interaction.client),
          retryAfterSeconds: outcome.retryAfterSeconds,
          otherWays: false,
        });
    }
  }

  /** All that a login must prove is proven again here, but for the key: nobody makes one on the strength of less. */
  async function make(ctx: Context, found: Open, answer: string): Promise<void> {
    const [interaction, { uid }] = found;
    await finishUnlessKey(ctx, uid, {}, async () => {
      const attempt = await attempts.find(uid);
      const part = attempt && passkeyUse.partIn(attempt);
      const maker = part?.kind === 'beside' ? await makerOf(attempt as LoginAttempt, part) : undefined;
      if (!attempt || !maker) return reply.onTo(ctx, `/interaction/${uid}`);
      const { kind } = await passkeyMaking.answer(maker, answer);
      if (kind === 'made') return reply.onTo(ctx, `/interaction/${uid}/passkey?made=1`);
      return show(ctx, [interaction, attempt], { fault: kind === 'refused' ? 'not-made' : kind });
    });
  }

  return { passkey, answerPasskey };
}
