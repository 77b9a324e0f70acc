// Who may come to a page of a login, and with what: the library's interaction cookie decides (invariant 1), forms must be our own (T23),
// and whoever has no business here is told so without learning anything (T3, T24).

import type { Context } from 'koa';
import type { InteractionResults } from 'oidc-provider';
import { hasLapsed, type LoginAttempt } from '../../core/attempt.ts';
import type { LoginOrigin } from '../../core/binding.ts';
import type { Journey } from '../../login/journey.ts';
import type { Clock, IdentityVendor, Networks, Sealer } from '../../login/ports.ts';
import type { JourneyRules } from '../../login/rules.ts';
import type { AccountStore, AttemptStore, DeviceStore, PasskeyStore } from '../../login/stores.ts';
import type { Interactions, OpenInteraction } from '../../oidc/interactions.ts';
import { viewOfClient } from '../client-view.ts';
import type { Cookies } from '../cookies.ts';
import { type Csrf } from '../middleware/csrf.ts';
import { readOrigin } from '../origin.ts';
import { createFormReader, type Fields } from '../own-form.ts';
import type { ClientView, InteractionForm, Pages } from '../pages.ts';
import type { Reply } from '../reply.ts';
import type { WaitingRoom } from '../waiting-room.ts';

export interface InteractionRouteParts {
  readonly journey: Journey;
  readonly interactions: Interactions;
  readonly attempts: AttemptStore;
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly passkeys: Pick<PasskeyStore, 'list'>;
  readonly sealer: Sealer;
  readonly rules: JourneyRules;
  readonly networks: Networks;
  /** mail can be sent */
  readonly hasMail: boolean;
  readonly clock: Clock;
  readonly reply: Reply;
  readonly cookies: Cookies;
  readonly csrf: Csrf;
  readonly waitingRoom: WaitingRoom;
  /** who looks at the faces, for the notice */
  readonly verifier: IdentityVendor['about'];
  /** how a client is called, for pages in browsers that have no interaction */
  clientView(clientId: string): Promise<ClientView | undefined>;
}

export type Access = ReturnType<typeof createAccess>;

export function createAccess(parts: InteractionRouteParts) {
  const { journey, interactions, attempts, reply, csrf, clock, rules } = parts;

  /** The interaction, or an answer that explains why there is none for this browser. */
  async function open(ctx: Context, uid: string): Promise<OpenInteraction | undefined> {
    const interaction = await interactions.find(ctx, uid);
    if (!interaction) await explainAbsence(ctx, uid);
    return interaction;
  }

  /** The same with the attempt as it is now, if there is one: both are read at once. */
  async function openWithAttempt(
    ctx: Context,
    uid: string,
  ): Promise<{ interaction: OpenInteraction; attempt: LoginAttempt | undefined } | undefined> {
    if (!interactions.wasBegunHere(ctx, uid)) return void (await explainAbsence(ctx, uid));
    const [interaction, attempt] = await Promise.all([interactions.find(ctx, uid), attempts.find(uid)]);
    if (interaction) return { interaction, attempt };
    await explainAbsence(ctx, uid);
    return undefined;
  }

  /** T3, T24: another browser, a lost cookie, or a login that is over. */
  async function explainAbsence(ctx: Context, uid: string): Promise<void> {
    const attempt = await attempts.find(uid);
    const client = attempt ? await parts.clientView(attempt.clientId) : undefined;
    if (attempt && isOver(attempt)) {
      return reply.page(ctx, 410, 'ended', { reason: endReason(attempt), ...(client ? { client } : {}) });
    }
    if (interactions.wasBegunHere(ctx, uid) && (await interactions.isGone(uid))) {
      // the client's request is gone, so nothing that is shown for it could lead anywhere
      if (attempt) await journey.ending.end(uid, 'aborted');
      return reply.page(ctx, 410, 'ended', { reason: 'over', ...(client ? { client } : {}) });
    }
    reply.page(ctx, 403, 'wrong-browser', {});
  }

  /** A form of ours, sent by our own page (T23). */
  async function readPost(ctx: Context, uid: string): Promise<Fields | undefined> {
    const fields = await readFields(ctx);
    if (!fields) return undefined;
    if (csrf.check(uid, fields.csrf)) return fields;
    reply.refusal(
      ctx,
      403,
      'form_not_ours',
      'This form is out of date, or did not come from our page. Go back and try again.',
    );
    return undefined;
  }

  const readFields = createFormReader({ reply, issuer: rules.issuer });

  function isOver(attempt: LoginAttempt): boolean {
    return attempt.state === 'ended' || attempt.state === 'spent' || hasLapsed(attempt, clock.now());
  }

  function formOf(uid: string): InteractionForm {
    return { base: `/interaction/${uid}`, csrf: csrf.issue(uid) };
  }

  const originOf = (ctx: Context) => readOrigin(ctx, parts);

  /** A desktop may leave the capture to a phone, where policy allows it. */
  const offersPhone = (origin: LoginOrigin, clientId: string) =>
    origin.platform === 'desktop' && rules.forClient(clientId).crossDevice === 'confirm';

  async function resumeIfMet(ctx: Context, interaction: OpenInteraction, attempt?: LoginAttempt): Promise<boolean> {
    const met: InteractionResults | undefined = await interactions.metBySession(ctx, interaction);
    if (!met) return false;
    // who is claimed cannot change while a face is waited for (T11): a session of somebody else answers nothing here
    if (attempt && !isOver(attempt) && !claims(attempt, met.login?.accountId)) return false;
    await journey.ending.end(interaction.uid, 'aborted');
    reply.onTo(ctx, await interactions.resumeWith(interaction, met));
    return true;
  }

  async function showEnded(ctx: Context, interaction: OpenInteraction, attempt: LoginAttempt): Promise<void> {
    if (await resumeIfMet(ctx, interaction)) return;
    reply.page(ctx, 410, 'ended', {
      reason: endReason(attempt),
      client: viewOfClient(interaction.client),
      form: formOf(interaction.uid),
      ...(attempt.endReason === 'renewal-waits' ? await waitingFace(attempt) : {}),
    });
  }

  async function waitingFace({ claimant }: LoginAttempt): Promise<Pick<Pages['ended'], 'renewal'>> {
    const account = claimant.kind === 'account' ? await parts.accounts.find(claimant.accountId) : undefined;
    if (!account?.pending) return {};
    const isTold = account.email !== undefined && parts.hasMail;
    return { renewal: { dueAt: new Date(account.pending.dueAt * 1000), isTold } };
  }

  async function refuse(ctx: Context, interaction: OpenInteraction, error: string, description: string): Promise<void> {
    reply.onTo(ctx, await interactions.refuse(interaction, error, description));
  }

  return {
    open,
    openWithAttempt,
    explainAbsence,
    readPost,
    readFields,
    isOver,
    formOf,
    originOf,
    offersPhone,
    resumeIfMet,
    showEnded,
    refuse,
  };
}

function claims({ claimant }: LoginAttempt, accountId: string | undefined): boolean {
  return claimant.kind === 'account' && claimant.accountId === accountId;
}

function endReason(attempt: LoginAttempt): Pages['ended']['reason'] {
  if (attempt.state === 'spent') return 'finished';
  return attempt.endReason ?? 'lapsed';
}
