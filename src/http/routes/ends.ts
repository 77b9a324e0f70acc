// The two ends of a login: resume oidc-provider with the result, or give up.

import type { Context } from 'koa';
import type { Access, InteractionRouteParts } from './access.ts';

export type Ends = ReturnType<typeof createEnds>;

export function createEnds(parts: InteractionRouteParts, access: Access) {
  const { journey, interactions, attempts, reply, cookies } = parts;
  const { open, openWithAttempt, readPost, showEnded, refuse } = access;

  const finish = (ctx: Context, uid: string) =>
    finishUnlessKey(ctx, uid, {}, () => reply.onTo(ctx, `/interaction/${uid}/passkey`));

  /** @param owesKey answers instead, where the face is accepted and nothing but a key is owed */
  async function finishUnlessKey(
    ctx: Context,
    uid: string,
    wish: { readonly withoutKey?: boolean },
    owesKey: () => void | Promise<void>,
  ): Promise<void> {
    const opened = await openWithAttempt(ctx, uid);
    if (!opened) return;
    const { interaction, attempt } = opened;
    const requirement = await interactions.requirement(interaction);
    if (interaction.kind !== 'login' || requirement.kind === 'unmet') return reply.onTo(ctx, `/interaction/${uid}`);
    const device = cookies.device(ctx);
    const outcome = await journey.finish({
      attempt,
      request: interactions.loginRequest(interaction, requirement),
      ...(device === undefined ? {} : { device }),
      ...wish,
    });
    switch (outcome.kind) {
      case 'login':
        if (outcome.deviceToken) cookies.setDevice(ctx, outcome.deviceToken);
        return reply.onTo(ctx, await interactions.resumeLogin(ctx, interaction, outcome.result));
      case 'step-up':
        return reply.onTo(ctx, `/interaction/${uid}`);
      case 'key':
        return owesKey();
      case 'not-yet':
        return reply.onTo(ctx, `/interaction/${uid}/waiting`);
      case 'over': {
        const ended = await attempts.find(uid);
        return ended ? showEnded(ctx, interaction, ended) : reply.onTo(ctx, `/interaction/${uid}`);
      }
    }
  }

  async function abort(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    if (!(await readPost(ctx, uid))) return;
    const { error, description } = await journey.ending.refusalFor(uid);
    await journey.ending.end(uid, 'aborted');
    await refuse(ctx, interaction, error, description);
  }

  return { finish, finishUnlessKey, abort };
}
