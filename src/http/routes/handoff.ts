// Browsers that did not begin the login: the capturing device with its return token, and a phone with our one-time address. They learn
// what they need to recognise a relayed sign-in (T2), may stop it, and finish nothing.

import type { Context } from 'koa';
import { NUMBER_LIFE_SECONDS } from '../../core/attempt.ts';
import { openPerson } from '../../login/secrets.ts';
import { viewOfOrigin } from '../client-view.ts';
import type { Access, InteractionRouteParts } from './access.ts';

export function createHandoff(parts: InteractionRouteParts, access: Access) {
  const { journey, interactions, reply, clock, rules, sealer } = parts;
  const { readFields, explainAbsence } = access;

  async function returned(ctx: Context, uid: string, token: string): Promise<void> {
    const interaction = await interactions.find(ctx, uid);
    // where the sign-in began and its request is gone: over, and no device that a number is for
    if (!interaction && interactions.wasBegunHere(ctx, uid)) return explainAbsence(ctx, uid);
    const outcome = await journey.visits.returned(uid, token, interaction !== undefined);
    if (outcome.kind === 'on') return reply.onTo(ctx, `/interaction/${uid}/${outcome.to}`);
    if (outcome.kind === 'nothing') return reply.page(ctx, 403, 'wrong-browser', {});
    const { attempt, number, shownAt, isRefused, isDone } = outcome;
    const isConfirmable = rules.forClient(attempt.clientId).crossDevice === 'confirm';
    reply.page(ctx, 403, 'elsewhere', {
      denyAction: `/interaction/${uid}/deny`,
      token,
      ...(isConfirmable && number !== undefined ? { number } : {}),
      isTooLate: isConfirmable && number === undefined && !isDone,
      isRefused,
      isDone,
      client: (await parts.clientView(attempt.clientId)) ?? { name: attempt.clientId },
      origin: viewOfOrigin(attempt.origin),
      minutes: Math.max(1, Math.ceil((shownAt + NUMBER_LIFE_SECONDS - clock.now()) / 60)),
    });
  }

  /** The capturing device says "this was not me"; its authority is the return token, it has no cookie of ours. */
  async function deny(ctx: Context, uid: string): Promise<void> {
    const fields = await readFields(ctx);
    if (!fields) return;
    const attempt = await journey.visits.deny(uid, fields.token ?? '');
    if (!attempt) return reply.page(ctx, 403, 'wrong-browser', {});
    reply.page(ctx, 200, 'denied', {
      client: (await parts.clientView(attempt.clientId)) ?? { name: attempt.clientId },
    });
  }

  async function phone(ctx: Context, uid: string, token: string): Promise<void> {
    const attempt = await journey.visits.phoneArrived(uid, token);
    if (!attempt) return reply.page(ctx, 403, 'wrong-browser', {});
    reply.page(ctx, 200, 'phone', {
      action: `/interaction/${uid}/phone/${token}`,
      client: (await parts.clientView(attempt.clientId)) ?? { name: attempt.clientId },
      origin: viewOfOrigin(attempt.origin),
      identifier: openPerson(sealer, attempt).identifier,
    });
  }

  async function phoneGo(ctx: Context, uid: string, token: string): Promise<void> {
    const fields = await readFields(ctx);
    if (!fields) return;
    const hostedUrl = await journey.visits.phoneGoes(uid, token);
    if (hostedUrl === undefined) return reply.page(ctx, 403, 'wrong-browser', {});
    reply.onTo(ctx, hostedUrl);
  }

  return { returned, deny, phone, phoneGo };
}
