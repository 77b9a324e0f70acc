// The live page: it waits for the verdict, offers the number and the way back to the camera, and says that it is over, never how.

import type { Context } from 'koa';
import { renderSVG } from 'uqr';
import {
  currentVerification,
  isSettledByFactor,
  isUnanswered,
  type LoginAttempt,
  triesLeft,
  type Verification,
  WRONG_NUMBERS_ALLOWED,
} from '../../core/attempt.ts';
import { meaningOf } from '../../core/verdict.ts';
import { bindingOf } from '../../login/bind.ts';
import { openVerificationSecrets } from '../../login/secrets.ts';
import type { OpenInteraction } from '../../oidc/interactions.ts';
import { viewOfClient } from '../client-view.ts';
import type { NumberFault, WaitingState as PageState, RetryKind } from '../pages.ts';
import type { WaitingState } from '../waiting-room.ts';
import type { Access, InteractionRouteParts } from './access.ts';

/** After this long without an end, the way out is made prominent. */
const WAY_OUT_AFTER_SECONDS = 90;
const REFRESH_SECONDS = 3;
/** Modules of white around a QR code that cameras need (ISO/IEC 18004). */
const QUIET_ZONE = 4;

export type WaitingRoutes = ReturnType<typeof createWaiting>;

export function createWaiting(parts: InteractionRouteParts, access: Access) {
  const { journey, attempts, reply, clock, rules, sealer } = parts;
  const { open, openWithAttempt, readPost, isOver, formOf, offersPhone, showEnded } = access;

  async function waiting(ctx: Context, uid: string): Promise<void> {
    const opened = await openWithAttempt(ctx, uid);
    if (opened) await showWaiting(ctx, opened.interaction, opened.attempt, {});
  }

  async function showWaiting(
    ctx: Context,
    interaction: OpenInteraction,
    attempt: LoginAttempt | undefined,
    shown: { fault?: NumberFault; status?: number },
  ): Promise<void> {
    const { uid } = interaction;
    if (attempt && isOver(attempt)) return showEnded(ctx, interaction, attempt);
    if (attempt && isSettledByFactor(attempt)) return reply.onTo(ctx, `/interaction/${uid}/finish`);
    if (await isStarting(uid, attempt)) return showStarting(ctx, interaction, attempt);
    if (!attempt) return reply.onTo(ctx, `/interaction/${uid}`);
    const current = currentVerification(attempt);
    if (current?.conclusion === 'refused') return showRetry(ctx, interaction, attempt, current);
    if (!current || (attempt.state === 'open' && current.conclusion === 'accepted'))
      return reply.onTo(ctx, `/interaction/${uid}`);
    const binding = bindingOf(attempt, rules);
    const isSettled = attempt.state === 'settled';
    if (isSettled && (binding.kind === 'bound' || binding.kind === 'refused'))
      return reply.onTo(ctx, `/interaction/${uid}/finish`);
    const secrets = openVerificationSecrets(sealer, attempt);
    const isPhone = secrets?.phoneToken !== undefined && current.phoneToken !== undefined;
    const mayBeElsewhere = rules.forClient(attempt.clientId).crossDevice === 'confirm';
    const version = versionOf(attempt);
    reply.page(ctx, shown.status ?? 200, 'waiting', {
      form: formOf(uid),
      client: viewOfClient(interaction.client),
      state: pageState(current, isSettled, clock.now()),
      eventsUrl: `/interaction/${uid}/events?seen=${version}`,
      refreshSeconds: REFRESH_SECONDS,
      // a face that was shown elsewhere can be given up for one shown here, as long as there is a try for it
      canCapture: !isSettled || binding.kind === 'unproven' || triesLeft(attempt, rules.attempt) > 0,
      steps: current.resubmitSteps ?? [],
      ...(mayBeElsewhere
        ? {
            number: {
              ...(shown.fault ? { fault: shown.fault } : {}),
              triesLeft: WRONG_NUMBERS_ALLOWED - attempt.wrongNumbers,
              kept: current.confirmedAt !== undefined,
            },
          }
        : {}),
      numberNeeded: isSettled || binding.kind === 'elsewhere' || current.returnedElsewhereAt !== undefined,
      ...(isPhone
        ? {
            phone: {
              qrSvg: renderSVG(`${rules.issuer}/interaction/${uid}/phone/${secrets.phoneToken}`, {
                border: QUIET_ZONE,
              }),
            },
          }
        : {}),
      lapsesAt: new Date(attempt.expiresAt * 1000),
      otherWays: !isSettled && journey.otherWays.offered(attempt).length > 0,
      showWayOut: clock.now() - current.openedAt > WAY_OUT_AFTER_SECONDS,
    });
  }

  /** Another press of the button is being answered: it has led nowhere yet, and what comes of it is not known. */
  function showStarting(ctx: Context, interaction: OpenInteraction, attempt: LoginAttempt | undefined): void {
    const { uid } = interaction;
    reply.page(ctx, 200, 'waiting', {
      form: formOf(uid),
      client: viewOfClient(interaction.client),
      state: 'starting',
      eventsUrl: `/interaction/${uid}/events?seen=${startingVersion(uid)}`,
      refreshSeconds: REFRESH_SECONDS,
      canCapture: false,
      steps: [],
      numberNeeded: false,
      lapsesAt: new Date((attempt?.expiresAt ?? clock.now() + rules.attempt.ttlSeconds) * 1000),
      otherWays: false,
      showWayOut: false,
    });
  }

  /** Looks no further where the attempt leads on by itself. */
  async function isStarting(uid: string, attempt: LoginAttempt | undefined): Promise<boolean> {
    const current = attempt && currentVerification(attempt);
    const isIdle = !attempt || (attempt.state === 'open' && (!current || current.conclusion !== undefined));
    return isIdle && journey.isOpening(uid);
  }

  async function showRetry(
    ctx: Context,
    interaction: OpenInteraction,
    attempt: LoginAttempt,
    current: Verification,
  ): Promise<void> {
    reply.page(ctx, 200, 'retry', {
      form: formOf(attempt.uid),
      client: viewOfClient(interaction.client),
      kind: retryKind(current),
      triesLeft: triesLeft(attempt, rules.attempt),
      offerPhone: offersPhone(attempt.origin, attempt.clientId),
      otherWays: journey.otherWays.offered(attempt).length > 0,
      mayReEnrol: attempt.claimant.kind === 'account' && attempt.next === 'login',
    });
  }

  async function events(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    parts.waitingRoom.open(ctx, uid, typeof ctx.query.seen === 'string' ? ctx.query.seen : undefined);
  }

  async function confirm(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    const outcome =
      rules.forClient(interaction.client.clientId).crossDevice === 'off'
        ? { kind: 'expired' as const }
        : await journey.visits.confirm(uid, fields.number ?? '');
    switch (outcome.kind) {
      case 'right':
        return reply.onTo(ctx, `/interaction/${uid}/waiting`);
      case 'wrong':
      case 'expired':
      case 'malformed':
        return showWaiting(ctx, interaction, await attempts.find(uid), { fault: outcome.kind, status: 422 });
      case 'over': {
        const attempt = await attempts.find(uid);
        return attempt ? showEnded(ctx, interaction, attempt) : reply.onTo(ctx, `/interaction/${uid}`);
      }
    }
  }

  /** What the event stream tells: that it is over, never how. */
  async function readState(uid: string): Promise<WaitingState | undefined> {
    const attempt = await attempts.find(uid);
    const isWithoutEnd = !attempt || !(isOver(attempt) || isSettledByFactor(attempt));
    if (isWithoutEnd && (await isStarting(uid, attempt))) return { state: 'waiting', version: startingVersion(uid) };
    if (!attempt) return undefined;
    const version = versionOf(attempt);
    if (attempt.state === 'spent') return { state: 'settled', version };
    if (isOver(attempt)) return { state: 'lapsed', version };
    const current = currentVerification(attempt);
    if (isSettledByFactor(attempt)) return { state: 'settled', version };
    const isBound = attempt.state === 'settled' && ['bound', 'refused'].includes(bindingOf(attempt, rules).kind);
    const isConcluded = attempt.state === 'open' && current?.conclusion !== undefined;
    return { state: isBound || isConcluded ? 'settled' : 'waiting', version };
  }

  const startingVersion = (uid: string) => sealer.keyedHash(`starting ${uid}`, 'page-version').slice(0, 12);

  /** Changes whenever the page would look different; keyed, so that it says nothing else to whoever tries to guess the result. */
  function versionOf(attempt: LoginAttempt): string {
    const current = currentVerification(attempt);
    return sealer
      .keyedHash(
        JSON.stringify([
          attempt.uid,
          attempt.state,
          attempt.verifications.length,
          attempt.wrongNumbers,
          current?.status,
          current?.resubmitSteps,
          current?.conclusion,
          current?.returnedHereAt,
          current?.returnedElsewhereAt,
          current?.confirmedAt,
          current?.phoneToken,
          current && isUnanswered(current, clock.now()),
        ]),
        'page-version',
      )
      .slice(0, 12);
  }

  return { waiting, events, confirm, readState, showRetry };
}

function pageState(current: Verification, isSettled: boolean, now: number): PageState {
  if (isSettled) return 'settling';
  const meaning = meaningOf(current.status);
  if (meaning === 'held') return 'in-review';
  if (meaning === 'resume-capture') return 'resubmitted';
  if (isUnanswered(current, now)) return 'unanswered';
  if (current.returnedHereAt !== undefined || current.returnedElsewhereAt !== undefined) return 'settling';
  return current.status === 'not-started' ? 'not-started' : 'in-progress';
}

function retryKind(current: Verification): RetryKind {
  if (current.presumedGone) return 'gone';
  if (current.failedChecks?.includes('captured-elsewhere')) return 'captured-elsewhere';
  switch (current.status) {
    case 'not-finished':
    case 'abandoned':
    case 'expired':
    case 'kyc-expired':
      return current.status;
    default:
      return current.purpose === 'login' ? 'declined' : 'document-declined';
  }
}
