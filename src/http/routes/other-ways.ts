// Other ways in than a selfie: the page that offers them, the code that came by mail, the code that support gave. The passkey has a
// page of its own (`passkeys.ts`).

import type { Context } from 'koa';
import {
  codeMinutes,
  isCodeOpen,
  isSettledByFactor,
  type LoginAttempt,
  MAILED_CODES_ALLOWED,
} from '../../core/attempt.ts';
import { bindingOf } from '../../login/bind.ts';
import { CONSENT_MISSING } from '../../login/identify.ts';
import { CODE_PROOF, type ProofOutcome } from '../../login/other-ways.ts';
import { openPerson } from '../../login/secrets.ts';
import type { OpenInteraction } from '../../oidc/interactions.ts';
import { viewOfClient } from '../client-view.ts';
import type { Pages } from '../pages.ts';
import type { Access, InteractionRouteParts } from './access.ts';

export function createOtherWayRoutes(
  parts: InteractionRouteParts,
  access: Access,
  goOn: { begin(ctx: Context, interaction: OpenInteraction): Promise<void> },
) {
  const { journey, attempts, reply, rules, sealer, clock } = parts;
  const { open, readPost, isOver, formOf, showEnded } = access;
  const { otherWays, mailedCodes } = journey;

  /** The attempt of this browser, as long as it can be gone on with; else an answer. */
  async function findAttempt(ctx: Context, uid: string): Promise<[OpenInteraction, LoginAttempt] | undefined> {
    const interaction = await open(ctx, uid);
    if (!interaction) return undefined;
    const attempt = await attempts.find(uid);
    if (!attempt) reply.onTo(ctx, `/interaction/${uid}`);
    else if (isOver(attempt)) await showEnded(ctx, interaction, attempt);
    else if (isProven(attempt)) reply.onTo(ctx, `/interaction/${uid}/waiting`);
    else return [interaction, attempt];
    return undefined;
  }

  /** A face that cannot be tied to this browser proves nothing here, and stands in nobody's way. */
  const isProven = (attempt: LoginAttempt) =>
    attempt.state === 'settled' && (isSettledByFactor(attempt) || bindingOf(attempt, rules).kind === 'bound');

  async function showWays(
    ctx: Context,
    [interaction, attempt]: [OpenInteraction, LoginAttempt],
    shown: { fault?: Pages['other-ways']['fault']; status?: number } = {},
  ): Promise<void> {
    reply.page(ctx, shown.status ?? 200, 'other-ways', {
      form: formOf(attempt.uid),
      client: viewOfClient(interaction.client),
      identifier: openPerson(sealer, attempt).identifier,
      ways: otherWays.offered(attempt),
      // the same for everybody: what is on record, or the state of an account, would tell who has one (T26)
      mayReEnrol: attempt.renewal === undefined,
      askConsent: !attempt.consent,
      ...(shown.fault ? { fault: shown.fault } : {}),
    });
  }

  async function ways(ctx: Context, uid: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (!found) return;
    const isConsentMissing = ctx.query.consent === 'missing';
    const fault = { field: 'biometric_consent', message: CONSENT_MISSING.message } as const;
    await showWays(ctx, found, isConsentMissing ? { fault } : {});
  }

  async function choose(ctx: Context, uid: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (!found) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    const [interaction, attempt] = found;
    const way = otherWays.offered(attempt).find((each) => each === fields.way);
    switch (way) {
      case 'passkey':
        return reply.onTo(ctx, `/interaction/${uid}/passkey`);
      case 'email':
        return sendCode(ctx, found, 'sign-in');
      case 'recovery_code': {
        const outcome = await otherWays.useRecoveryCode(uid, fields.code ?? '');
        if (outcome.kind === 'limited') return limited(ctx, interaction, outcome.retryAfterSeconds);
        if (outcome.kind === 'wrong') {
          const fault = { field: 'code', message: 'This code is not right, or no longer good.' } as const;
          return showWays(ctx, found, { fault, status: 422 });
        }
        return onWith(ctx, uid, outcome);
      }
      case undefined:
        return showWays(ctx, found, { status: 422 });
    }
  }

  /** To the end, or to what is still owed: a selfie, or the document of an account that has to be proven anew. */
  const onWith = (ctx: Context, uid: string, { kind }: ProofOutcome) =>
    reply.onTo(ctx, `/interaction/${uid}${kind === 'to-finish' ? '/finish' : ''}`);

  async function limited(ctx: Context, interaction: OpenInteraction, retryAfterSeconds: number): Promise<void> {
    await journey.ending.rememberObstacle(interaction.uid, 'limited');
    ctx.set('Retry-After', String(retryAfterSeconds));
    reply.page(ctx, 429, 'limited', {
      form: formOf(interaction.uid),
      client: viewOfClient(interaction.client),
      retryAfterSeconds,
      otherWays: false,
    });
  }

  async function sendCode(
    ctx: Context,
    found: [OpenInteraction, LoginAttempt],
    purpose: 'enrol' | 'sign-in',
  ): Promise<void> {
    const [interaction, { uid }] = found;
    const sent = await mailedCodes.send(uid, purpose);
    if (sent.kind === 'limited') return limited(ctx, interaction, sent.retryAfterSeconds);
    if (sent.kind === 'no-more') return showCode(ctx, found, { fault: 'no-more', status: 422 });
    return reply.onTo(ctx, `/interaction/${uid}/code`);
  }

  async function showCode(
    ctx: Context,
    [interaction, attempt]: [OpenInteraction, LoginAttempt],
    shown: { fault?: Pages['code']['fault']; status?: number } = {},
  ): Promise<void> {
    const { mailed } = attempt;
    if (!mailed) return reply.onTo(ctx, `/interaction/${attempt.uid}/other`);
    const maySendAgain = mailed.sends < MAILED_CODES_ALLOWED;
    const found = shown.fault ?? (isCodeOpen(mailed, clock.now()) ? undefined : 'expired');
    const fault = found === 'expired' && !maySendAgain ? 'no-more' : found;
    reply.page(ctx, shown.status ?? 200, 'code', {
      form: formOf(attempt.uid),
      client: viewOfClient(interaction.client),
      identifier: openPerson(sealer, attempt).identifier,
      purpose: mailed.purpose,
      maySendAgain,
      ...(isCodeOpen(mailed, clock.now()) ? { minutes: codeMinutes(attempt, mailed.sentAt) } : {}),
      ...(fault ? { fault } : {}),
    });
  }

  async function code(ctx: Context, uid: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (found) await showCode(ctx, found);
  }

  async function typeCode(ctx: Context, uid: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (!found) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    const [interaction, { mailed }] = found;
    if (!mailed) return reply.onTo(ctx, `/interaction/${uid}/other`);
    if (fields.resend !== undefined) return sendCode(ctx, found, mailed.purpose);
    const outcome = await mailedCodes.type(uid, fields.code ?? '');
    if (outcome.kind === 'right') return afterCode(ctx, interaction, outcome.attempt);
    if (outcome.kind === 'over') return reply.onTo(ctx, `/interaction/${uid}`);
    return showCode(ctx, found, { fault: outcome.kind, status: 422 });
  }

  async function afterCode(ctx: Context, interaction: OpenInteraction, attempt: LoginAttempt): Promise<void> {
    // the address is proven: on to the document check, as the button that was pressed before would have led
    if (attempt.mailed?.purpose === 'enrol') return goOn.begin(ctx, interaction);
    const outcome = await otherWays.prove(attempt.uid, { ...CODE_PROOF, at: clock.now() });
    return onWith(ctx, attempt.uid, outcome);
  }

  /** A prefetcher, or a scanner of mail, changes nothing by looking. */
  async function link(ctx: Context, uid: string, token: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (!found) return;
    const [interaction] = found;
    if (!(await mailedCodes.isLinkOpen(uid, token))) return showCode(ctx, found, { fault: 'expired' });
    const form = formOf(uid);
    reply.page(ctx, 200, 'mail-link', {
      form,
      client: viewOfClient(interaction.client),
      action: `/interaction/${uid}/link/${token}`,
      csrf: form.csrf,
    });
  }

  async function followLink(ctx: Context, uid: string, token: string): Promise<void> {
    const found = await findAttempt(ctx, uid);
    if (!found) return;
    if (!(await readPost(ctx, uid))) return;
    const outcome = await mailedCodes.follow(uid, token);
    if (outcome.kind === 'right') return afterCode(ctx, found[0], outcome.attempt);
    return showCode(ctx, found, { fault: 'expired', status: 422 });
  }

  return { ways, choose, code, typeCode, link, followLink };
}
