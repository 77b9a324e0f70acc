// The pages of a login, all below `/interaction/:uid`, where the library's interaction cookie reaches. A route parses, asks the
// journey, and shows what it says; who may come here at all is decided by that cookie (invariant 1).

import type { Context } from 'koa';
import type { InteractionResults } from 'oidc-provider';
import { renderSVG } from 'uqr';
import {
  currentVerification,
  hasLapsed,
  isUnderWay,
  type LoginAttempt,
  NUMBER_LIFE_SECONDS,
  triesLeft,
  type Verification,
  WRONG_NUMBERS_ALLOWED,
} from '../../core/attempt.ts';
import type { LoginOrigin } from '../../core/binding.ts';
import { meaningOf } from '../../core/verdict.ts';
import type { BeginOutcome } from '../../login/begin.ts';
import { bindingOf } from '../../login/bind.ts';
import type { Journey } from '../../login/journey.ts';
import type { AccountStore, AttemptStore, Clock, DeviceStore, IdentityVendor, Sealer } from '../../login/ports.ts';
import type { JourneyRules } from '../../login/rules.ts';
import { openPerson, openVerificationSecrets } from '../../login/secrets.ts';
import type { Interactions, OpenInteraction } from '../../oidc/interactions.ts';
import { readBrowser } from '../browser.ts';
import { viewOfClient, viewOfOrigin } from '../client-view.ts';
import { CONSENT } from '../consent-text.ts';
import type { Cookies } from '../cookies.ts';
import { type Csrf, readSite } from '../middleware/csrf.ts';
import { readForm } from '../middleware/form.ts';
import { requestState } from '../middleware/request-state.ts';
import type { ClientView, InteractionForm, WaitingState as PageState, Pages, RetryKind } from '../pages.ts';
import type { Reply } from '../reply.ts';
import type { WaitingRoom, WaitingState } from '../waiting-room.ts';

export interface InteractionRouteParts {
  readonly journey: Journey;
  readonly interactions: Interactions;
  readonly attempts: AttemptStore;
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly sealer: Sealer;
  readonly rules: JourneyRules;
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

/** After this long without an end, the way out is made prominent. */
const WAY_OUT_AFTER_SECONDS = 90;
const REFRESH_SECONDS = 4;
/** Modules of white around a QR code that cameras need (ISO/IEC 18004). */
const QUIET_ZONE = 4;

type Fields = Readonly<Record<string, string>>;

export function createInteractionRoutes(parts: InteractionRouteParts) {
  const { journey, interactions, attempts, reply, cookies, csrf, clock, rules, sealer } = parts;

  // ------------------------------------------------------------------------------------------------ who may come here

  /** The interaction, or an answer that explains why there is none for this browser. */
  async function open(ctx: Context, uid: string): Promise<OpenInteraction | undefined> {
    const interaction = await interactions.find(ctx, uid);
    if (!interaction) await explainAbsence(ctx, uid);
    return interaction;
  }

  /** T3, T24: another browser, a lost cookie, or a login that is over. */
  async function explainAbsence(ctx: Context, uid: string): Promise<void> {
    const attempt = await attempts.find(uid);
    const client = attempt ? await parts.clientView(attempt.clientId) : undefined;
    if (attempt && isOver(attempt)) {
      return reply.page(ctx, 410, 'ended', { reason: endReason(attempt), ...(client ? { client } : {}) });
    }
    reply.page(ctx, 403, 'wrong-browser', {});
  }

  /** A form of ours, sent by our own page (T23). */
  async function readPost(ctx: Context, uid: string): Promise<Fields | undefined> {
    const fields = await readFields(ctx);
    if (!fields) return undefined;
    if (csrf.check(uid, cookies.browser(ctx).value, fields.csrf)) return fields;
    reply.refusal(
      ctx,
      403,
      'form_not_ours',
      'This form is out of date, or did not come from our page. Go back and try again.',
    );
    return undefined;
  }

  async function readFields(ctx: Context): Promise<Fields | undefined> {
    const site = readSite(ctx.req.headers, rules.issuer);
    if (site.kind === 'refused') {
      reply.refusal(ctx, site.status, site.reason, 'This form was not sent from our own page.');
      return undefined;
    }
    const form = await readForm(ctx);
    if (form.kind === 'fields') return form.fields;
    reply.refusal(ctx, form.status, form.reason, 'This form could not be read.');
    return undefined;
  }

  function isOver(attempt: LoginAttempt): boolean {
    return attempt.state === 'ended' || attempt.state === 'spent' || hasLapsed(attempt, clock.now());
  }

  function formOf(ctx: Context, uid: string): InteractionForm {
    return { base: `/interaction/${uid}`, csrf: csrf.issue(uid, cookies.browser(ctx).value) };
  }

  function originOf(ctx: Context): LoginOrigin {
    const browser = readBrowser(ctx.get('User-Agent'));
    return {
      address: requestState(ctx).clientAddress,
      browserFamily: browser.family,
      platform: browser.platform,
      label: browser.label,
      startedAt: clock.now(),
    };
  }

  const offersPhone = (origin: LoginOrigin) => origin.platform === 'desktop' && rules.crossDevice === 'confirm';

  async function resumeIfMet(ctx: Context, interaction: OpenInteraction): Promise<boolean> {
    const met: InteractionResults | undefined = await interactions.metBySession(ctx, interaction);
    if (!met) return false;
    await journey.ending.end(interaction.uid, 'aborted');
    reply.onTo(ctx, await interactions.resumeWith(interaction, met));
    return true;
  }

  async function showEnded(ctx: Context, interaction: OpenInteraction, attempt: LoginAttempt): Promise<void> {
    if (await resumeIfMet(ctx, interaction)) return;
    reply.page(ctx, 410, 'ended', {
      reason: endReason(attempt),
      client: viewOfClient(interaction.client),
      form: formOf(ctx, interaction.uid),
    });
  }

  // ------------------------------------------------------------------------------------------------------- first page

  async function first(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    if (interaction.kind === 'consent') return showConsent(ctx, interaction);
    if (await resumeIfMet(ctx, interaction)) return;
    const attempt = await attempts.find(uid);
    if (attempt) return showAttempt(ctx, interaction, attempt);
    await showBegin(ctx, interaction, { isSwitching: ctx.query.switch !== undefined });
  }

  async function showAttempt(ctx: Context, interaction: OpenInteraction, attempt: LoginAttempt): Promise<void> {
    if (isOver(attempt)) return showEnded(ctx, interaction, attempt);
    const current = currentVerification(attempt);
    if (attempt.state === 'settled' || isUnderWay(current))
      return reply.onTo(ctx, `/interaction/${attempt.uid}/waiting`);
    if (current?.conclusion === 'refused') return showRetry(ctx, interaction, attempt, current);
    // nothing opened yet, or a stronger selfie is still owed after the enrolment
    reply.page(ctx, 200, 'begin', {
      form: formOf(ctx, attempt.uid),
      client: viewOfClient(interaction.client),
      origin: viewOfOrigin(attempt.origin),
      identifier: { kind: 'fixed', value: openPerson(sealer, attempt).identifier },
      askConsent: false,
      enrolmentOpen: attempt.next === 'enrol',
      method: attempt.required.method,
      offerPhone: offersPhone(attempt.origin),
      verifier: verifier(),
    });
  }

  async function showBegin(
    ctx: Context,
    interaction: OpenInteraction,
    options: {
      isSwitching?: boolean;
      typed?: string;
      invitation?: string;
      fault?: Pages['begin']['fault'];
      status?: number;
    },
  ): Promise<void> {
    const requirement = interactions.requirement(interaction);
    if (requirement.kind === 'unmet')
      return refuse(ctx, interaction, 'unmet_authentication_requirements', 'the requested strength cannot be had here');
    const known = await interactions.knownPerson(ctx, interaction, await deviceAccounts(ctx));
    if (known.kind === 'nobody-known')
      return refuse(ctx, interaction, 'login_required', 'the person who was asked for is not known here');
    const shown =
      known.kind === 'remembered' && (options.isSwitching || options.typed !== undefined) ? undefined : known;
    const identifier: Pages['begin']['identifier'] =
      shown && shown.kind !== 'ask'
        ? { kind: shown.kind, value: shown.identifier }
        : { kind: 'typed', value: options.typed ?? (known.kind === 'ask' ? known.hint : '') };
    const hasConsent =
      shown !== undefined && shown.kind !== 'ask' && (await parts.accounts.find(shown.accountId))?.consent;
    const origin = originOf(ctx);
    reply.page(ctx, options.status ?? 200, 'begin', {
      form: formOf(ctx, interaction.uid),
      client: viewOfClient(interaction.client),
      origin: viewOfOrigin(origin),
      identifier,
      askConsent: !hasConsent,
      ...(rules.enrolment === 'invite' && identifier.kind === 'typed'
        ? { invitation: { value: options.invitation ?? cookies.invitation(ctx) ?? '' } }
        : {}),
      enrolmentOpen: rules.enrolment !== 'closed' && identifier.kind === 'typed',
      method: requirement.method,
      offerPhone: offersPhone(origin),
      verifier: verifier(),
      ...(options.fault ? { fault: options.fault } : {}),
    });
  }

  const verifier = () => ({ ...parts.verifier, keepsPortrait: rules.portrait === 'vendor' });

  async function deviceAccounts(ctx: Context): Promise<readonly string[]> {
    const device = cookies.device(ctx);
    return device === undefined ? [] : parts.devices.accountsOf(device);
  }

  async function begin(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    if (fields.switch_account !== undefined) return reply.onTo(ctx, `/interaction/${uid}?switch=1`);
    const requirement = interactions.requirement(interaction);
    if (interaction.kind !== 'login' || requirement.kind === 'unmet') return reply.onTo(ctx, `/interaction/${uid}`);
    const known = await interactions.knownPerson(ctx, interaction, await deviceAccounts(ctx));
    if (known.kind === 'nobody-known') return reply.onTo(ctx, `/interaction/${uid}`);
    // a fixed person cannot be typed over (invariant 6)
    const typed = known.kind === 'fixed' ? undefined : fields.identifier;
    const invitation = fields.invitation || cookies.invitation(ctx);
    const device = cookies.device(ctx);
    const outcome = await journey.begin({
      request: interactions.loginRequest(interaction, requirement),
      ...(typed === undefined ? {} : { typed }),
      ...(known.kind === 'ask' ? {} : { knownAccountId: known.accountId }),
      ...(fields.biometric_consent ? { consentVersion: CONSENT.version } : {}),
      ...(invitation ? { invitation } : {}),
      phone: fields.begin === 'phone' && rules.crossDevice === 'confirm',
      browser: cookies.browser(ctx).hash,
      ...(device === undefined ? {} : { device }),
      origin: originOf(ctx),
    });
    await showBegun(ctx, interaction, outcome, fields);
  }

  async function showBegun(
    ctx: Context,
    interaction: OpenInteraction,
    outcome: BeginOutcome,
    fields: Fields,
  ): Promise<void> {
    const { uid } = interaction;
    const page = { form: formOf(ctx, uid), client: viewOfClient(interaction.client) };
    const later = (seconds: number) => {
      ctx.set('Retry-After', String(seconds));
      return { ...page, retryAfterSeconds: seconds };
    };
    switch (outcome.kind) {
      case 'to-vendor':
        return reply.onTo(ctx, outcome.url);
      case 'to-waiting':
        return reply.onTo(ctx, `/interaction/${uid}/waiting`);
      case 'to-finish':
        return reply.onTo(ctx, `/interaction/${uid}/finish`);
      case 'fault': {
        const { field, message } = outcome;
        const { identifier, invitation } = fields;
        return showBegin(ctx, interaction, {
          status: 422,
          fault: { field, message },
          ...(identifier === undefined ? {} : { typed: identifier }),
          ...(invitation === undefined ? {} : { invitation }),
        });
      }
      case 'enrolment-refused':
        return reply.page(ctx, 403, 'enrolment-refused', { ...page, reason: outcome.reason });
      case 'conflict':
        return reply.page(ctx, 409, 'conflict', later(outcome.retryAfterSeconds));
      case 'limited':
        return reply.page(ctx, 429, 'limited', later(outcome.retryAfterSeconds));
      case 'vendor-down':
        return reply.page(ctx, 503, 'vendor-down', later(outcome.retryAfterSeconds));
      case 'blocked':
        return reply.page(ctx, 403, 'retry', { ...page, kind: 'declined', triesLeft: 0, offerPhone: false });
      case 'no-portrait':
        return reply.page(ctx, 200, 'retry', {
          ...page,
          kind: 'no-portrait',
          triesLeft: 1,
          offerPhone: offersPhone(originOf(ctx)),
        });
      case 'no-tries-left':
        return reply.page(ctx, 200, 'retry', { ...page, kind: 'declined', triesLeft: 0, offerPhone: false });
      case 'over': {
        const attempt = await attempts.find(uid);
        if (attempt) return showEnded(ctx, interaction, attempt);
        return reply.page(ctx, 410, 'ended', { ...page, reason: 'lapsed' });
      }
    }
  }

  // ---------------------------------------------------------------------------------------------------------- waiting

  async function waiting(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    await showWaiting(ctx, interaction, {});
  }

  async function showWaiting(
    ctx: Context,
    interaction: OpenInteraction,
    shown: { fault?: 'wrong' | 'expired'; status?: number },
  ): Promise<void> {
    const { uid } = interaction;
    const attempt = await attempts.find(uid);
    if (!attempt) return reply.onTo(ctx, `/interaction/${uid}`);
    if (isOver(attempt)) return showEnded(ctx, interaction, attempt);
    const current = currentVerification(attempt);
    if (current?.conclusion === 'refused') return showRetry(ctx, interaction, attempt, current);
    if (!current || (attempt.state === 'open' && current.conclusion === 'accepted'))
      return reply.onTo(ctx, `/interaction/${uid}`);
    const binding = bindingOf(attempt, rules.crossDevice);
    const isSettled = attempt.state === 'settled';
    if (isSettled && (binding.kind === 'bound' || binding.kind === 'refused'))
      return reply.onTo(ctx, `/interaction/${uid}/finish`);
    const secrets = openVerificationSecrets(sealer, attempt);
    const isPhone = secrets?.phoneToken !== undefined && current.phoneToken !== undefined;
    const mayBeElsewhere = rules.crossDevice === 'confirm';
    const version = versionOf(attempt);
    reply.page(ctx, shown.status ?? 200, 'waiting', {
      form: formOf(ctx, uid),
      client: viewOfClient(interaction.client),
      state: pageState(current, isSettled),
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
      showWayOut: clock.now() - current.openedAt > WAY_OUT_AFTER_SECONDS,
    });
  }

  async function showRetry(
    ctx: Context,
    interaction: OpenInteraction,
    attempt: LoginAttempt,
    current: Verification,
  ): Promise<void> {
    reply.page(ctx, 200, 'retry', {
      form: formOf(ctx, attempt.uid),
      client: viewOfClient(interaction.client),
      kind: retryKind(current),
      triesLeft: triesLeft(attempt, rules.attempt),
      offerPhone: offersPhone(attempt.origin),
    });
  }

  async function events(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    parts.waitingRoom.open(ctx, uid, typeof ctx.query.seen === 'string' ? ctx.query.seen : undefined);
  }

  // ------------------------------------------------------------------------------------------------- return and number

  async function returned(ctx: Context, uid: string, token: string): Promise<void> {
    const interaction = await interactions.find(ctx, uid);
    const outcome = await journey.visits.returned(uid, token, interaction !== undefined);
    if (outcome.kind === 'on') return reply.onTo(ctx, `/interaction/${uid}/waiting`);
    if (outcome.kind === 'nothing' || rules.crossDevice === 'off') {
      const attempt = await attempts.find(uid);
      const client = outcome.kind === 'elsewhere' && attempt ? await parts.clientView(attempt.clientId) : undefined;
      return reply.page(ctx, 403, 'wrong-browser', client ? { client } : {});
    }
    const { attempt, number, shownAt } = outcome;
    reply.page(ctx, 403, 'elsewhere', {
      denyAction: `/interaction/${uid}/deny`,
      token,
      number,
      client: (await parts.clientView(attempt.clientId)) ?? { name: attempt.clientId },
      origin: viewOfOrigin(attempt.origin),
      minutes: Math.max(1, Math.ceil((shownAt + NUMBER_LIFE_SECONDS - clock.now()) / 60)),
    });
  }

  async function confirm(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    const outcome =
      rules.crossDevice === 'off'
        ? { kind: 'expired' as const }
        : await journey.visits.confirm(uid, fields.number ?? '');
    switch (outcome.kind) {
      case 'right':
        return reply.onTo(ctx, `/interaction/${uid}/waiting`);
      case 'wrong':
      case 'expired':
        return showWaiting(ctx, interaction, { fault: outcome.kind, status: 422 });
      case 'over': {
        const attempt = await attempts.find(uid);
        return attempt ? showEnded(ctx, interaction, attempt) : reply.onTo(ctx, `/interaction/${uid}`);
      }
    }
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

  // ---------------------------------------------------------------------------------------------------- ends

  async function finish(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    const requirement = interactions.requirement(interaction);
    if (interaction.kind !== 'login' || requirement.kind === 'unmet') return reply.onTo(ctx, `/interaction/${uid}`);
    const device = cookies.device(ctx);
    const outcome = await journey.finish({
      uid,
      ...(device === undefined ? {} : { device }),
      allowsAccount: interactions.loginRequest(interaction, requirement).allowsAccount,
    });
    switch (outcome.kind) {
      case 'login':
        if (outcome.deviceToken) cookies.setDevice(ctx, outcome.deviceToken);
        return reply.onTo(ctx, await interactions.resumeLogin(ctx, interaction, outcome.result));
      case 'step-up':
        return reply.onTo(ctx, `/interaction/${uid}`);
      case 'not-yet':
        return reply.onTo(ctx, `/interaction/${uid}/waiting`);
      case 'over': {
        const attempt = await attempts.find(uid);
        return attempt ? showEnded(ctx, interaction, attempt) : reply.onTo(ctx, `/interaction/${uid}`);
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

  async function refuse(ctx: Context, interaction: OpenInteraction, error: string, description: string): Promise<void> {
    reply.onTo(ctx, await interactions.refuse(interaction, error, description));
  }

  // ------------------------------------------------------------------------------------------------------- consent

  async function showConsent(ctx: Context, interaction: OpenInteraction): Promise<void> {
    // the operator has allowed its own clients
    if (interaction.client.first_party === true) return reply.onTo(ctx, await interactions.allow(interaction));
    const { accountId, scopes, claims } = interactions.consentDetails(interaction);
    const account = await parts.accounts.find(accountId);
    reply.page(ctx, 200, 'consent', {
      form: formOf(ctx, interaction.uid),
      client: viewOfClient(interaction.client),
      identifier: account?.identifier ?? '',
      grants: describeGrants(scopes, claims),
    });
  }

  async function consent(ctx: Context, uid: string): Promise<void> {
    const interaction = await open(ctx, uid);
    if (!interaction) return;
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    if (interaction.kind !== 'consent') return reply.onTo(ctx, `/interaction/${uid}`);
    if (fields.decision === 'allow') return reply.onTo(ctx, await interactions.allow(interaction));
    if (fields.decision === 'deny') return refuse(ctx, interaction, 'access_denied', 'the person did not give consent');
    reply.refusal(ctx, 400, 'invalid_request', 'The form says neither allow nor deny.');
  }

  /** What the event stream tells: that it is over, never how. */
  async function readState(uid: string): Promise<WaitingState | undefined> {
    const attempt = await attempts.find(uid);
    if (!attempt) return undefined;
    const version = versionOf(attempt);
    if (attempt.state === 'spent') return { state: 'settled', version };
    if (isOver(attempt)) return { state: 'lapsed', version };
    const current = currentVerification(attempt);
    const isBound =
      attempt.state === 'settled' && ['bound', 'refused'].includes(bindingOf(attempt, rules.crossDevice).kind);
    const isConcluded = attempt.state === 'open' && current?.conclusion !== undefined;
    return { state: isBound || isConcluded ? 'settled' : 'waiting', version };
  }

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
          current?.conclusion,
          current?.returnedHereAt,
          current?.returnedElsewhereAt,
          current?.confirmedAt,
          current?.phoneToken,
        ]),
        'page-version',
      )
      .slice(0, 12);
  }

  return { first, begin, waiting, events, returned, confirm, deny, phone, phoneGo, finish, abort, consent, readState };
}

export type InteractionRoutes = ReturnType<typeof createInteractionRoutes>;

function pageState(current: Verification, isSettled: boolean): PageState {
  if (isSettled) return 'settling';
  const meaning = meaningOf(current.status);
  if (meaning === 'held') return 'in-review';
  if (meaning === 'resume-capture') return 'resubmitted';
  if (current.returnedHereAt !== undefined || current.returnedElsewhereAt !== undefined) return 'settling';
  return current.status === 'not-started' ? 'not-started' : 'in-progress';
}

function retryKind(current: Verification): RetryKind {
  switch (current.status) {
    case 'not-finished':
    case 'abandoned':
    case 'expired':
    case 'kyc-expired':
      return current.status;
    default:
      return 'declined';
  }
}

function endReason(attempt: LoginAttempt): Pages['ended']['reason'] {
  if (attempt.state === 'spent') return 'finished';
  return attempt.endReason ?? 'lapsed';
}

const SCOPE_WORDS: Readonly<Record<string, string>> = {
  openid: 'Know that it is you, and how you proved it',
  profile: 'See your name, birth date and gender as your document shows them, and your user name',
  email: 'See your e-mail address, once it has been proven',
  offline_access: 'Keep access for up to 30 days while you are away',
};

function describeGrants(scopes: readonly string[], claims: readonly string[]): string[] {
  const ofScopes = scopes.map((scope) => SCOPE_WORDS[scope]).filter((words) => words !== undefined);
  return claims.length > 0 ? [...ofScopes, `See in particular: ${claims.join(', ')}`] : ofScopes;
}
