// The first page of a login and the press of its button: which client asks, for whom, from where, what happens to the face.

import type { Context } from 'koa';
import { type Account, isHeldBack } from '../../core/account.ts';
import { acrOf, acrSatisfies, PHISHING_RESISTANT } from '../../core/assurance.ts';
import { currentVerification, isCodeOpen, isUnderWay, type LoginAttempt, triesLeft } from '../../core/attempt.ts';
import type { LoginOrigin } from '../../core/binding.ts';
import { isEnough, type Need, type Requirement } from '../../core/requirement.ts';
import type { BeginInput, BeginOutcome, LoginRequest } from '../../login/begin.ts';
import { requiredBy, skipFor } from '../../login/identify.ts';
import { openPerson } from '../../login/secrets.ts';
import type { KnownPerson, OpenInteraction } from '../../oidc/interactions.ts';
import { viewOfClient, viewOfOrigin } from '../client-view.ts';
import { CONSENT } from '../consent-text.ts';
import type { Fields } from '../own-form.ts';
import type { Pages } from '../pages.ts';
import type { Access, InteractionRouteParts } from './access.ts';
import type { ConsentRoutes } from './consent.ts';
import type { WaitingRoutes } from './waiting.ts';

const SHOWN_PERSON = 'shown-person';

export function createFirstPage(
  parts: InteractionRouteParts,
  access: Access,
  others: Pick<ConsentRoutes, 'showConsent'> & Pick<WaitingRoutes, 'showRetry'>,
) {
  const { journey, interactions, attempts, reply, cookies, rules, sealer } = parts;
  const {
    openWithAttempt,
    explainAbsence,
    readPost,
    isOver,
    formOf,
    originOf,
    offersPhone,
    resumeIfMet,
    showEnded,
    refuse,
  } = access;
  const { showConsent, showRetry } = others;

  async function first(ctx: Context, uid: string): Promise<void> {
    const [opened, remembered] = await Promise.all([openWithAttempt(ctx, uid), deviceAccounts(ctx)]);
    if (!opened) return;
    const { interaction, attempt } = opened;
    // made on the first page, so that all tabs of a browser begin as one browser
    cookies.browser(ctx);
    if (interaction.kind === 'consent') return showConsent(ctx, interaction);
    if (await resumeIfMet(ctx, interaction, attempt)) return;
    if (attempt) return showAttempt(ctx, interaction, attempt);
    await showBegin(ctx, interaction, remembered, { isSwitching: ctx.query.switch !== undefined });
  }

  async function showAttempt(ctx: Context, interaction: OpenInteraction, attempt: LoginAttempt): Promise<void> {
    if (isOver(attempt)) return showEnded(ctx, interaction, attempt);
    const current = currentVerification(attempt);
    if (attempt.state === 'settled' || isUnderWay(current))
      return reply.onTo(ctx, `/interaction/${attempt.uid}/waiting`);
    if (current?.conclusion === 'refused') return showRetry(ctx, interaction, attempt, current);
    if (!current && isCodeOpen(attempt.mailed, parts.clock.now()))
      return reply.onTo(ctx, `/interaction/${attempt.uid}/code`);
    // whoever is here without consent chose another way, and has not been led back from it
    if (!current && !attempt.consent && attempt.factors.length === 0)
      return reply.onTo(ctx, `/interaction/${attempt.uid}/other`);
    const { claimant } = attempt;
    const account = claimant.kind === 'account' ? await parts.accounts.find(claimant.accountId) : undefined;
    // nothing opened yet, or a stronger selfie is still owed
    reply.page(ctx, 200, 'begin', {
      form: formOf(attempt.uid),
      client: viewOfClient(interaction.client),
      origin: viewOfOrigin(attempt.origin),
      identifier: { kind: 'fixed', value: openPerson(sealer, attempt).identifier },
      askConsent: !attempt.consent && !account?.consent,
      enrolmentOpen: attempt.next === 'enrol',
      method: attempt.required.method,
      offerPhone: offersPhone(attempt.origin, attempt.clientId),
      otherWays: journey.otherWays.offered(attempt).length > 0,
      verifier: verifier(),
    });
  }

  async function showBegin(
    ctx: Context,
    interaction: OpenInteraction,
    remembered: readonly string[],
    options: {
      isSwitching?: boolean;
      typed?: string;
      isConsentGiven?: boolean;
      invitation?: string;
      fault?: Pages['begin']['fault'];
      status?: number;
    },
  ): Promise<void> {
    const known = await interactions.knownPerson(ctx, interaction, remembered);
    const requirement = await interactions.requirement(interaction, accountIdOf(known));
    if (requirement.kind === 'unmet')
      return refuse(ctx, interaction, 'unmet_authentication_requirements', 'the requested strength cannot be had here');
    if (known.kind === 'nobody-known')
      return refuse(ctx, interaction, 'login_required', 'the person who was asked for is not known here');
    const shown =
      known.kind === 'remembered' && (options.isSwitching || options.typed !== undefined) ? undefined : known;
    const identifier: Pages['begin']['identifier'] =
      shown && shown.kind !== 'ask'
        ? { kind: shown.kind, value: shown.account.identifier }
        : { kind: 'typed', value: options.typed ?? (known.kind === 'ask' ? known.hint : '') };
    const account = shown && shown.kind !== 'ask' ? shown.account : undefined;
    const origin = originOf(ctx);
    const [method, passkey] = await Promise.all([
      methodFor(ctx, interaction, requirement, account, origin),
      passkeyPart(interaction, requirement, shown?.kind === 'remembered' ? shown.account : undefined),
    ]);
    reply.page(ctx, options.status ?? 200, 'begin', {
      form: formOf(interaction.uid),
      client: viewOfClient(interaction.client),
      origin: viewOfOrigin(origin),
      identifier,
      askConsent: !account?.consent && method !== 'none',
      isConsentGiven: options.isConsentGiven ?? false,
      ...(account ? { shownPerson: shownPerson(account.id) } : {}),
      ...(rules.enrolment === 'invite' && identifier.kind === 'typed'
        ? { invitation: { value: options.invitation ?? cookies.invitation(ctx) ?? '' } }
        : {}),
      enrolmentOpen: rules.enrolment !== 'closed' && identifier.kind === 'typed',
      method,
      ...(passkey ? { passkey } : {}),
      offerPhone: offersPhone(origin, interaction.client.clientId) && method !== 'none',
      otherWays: offersOtherWays(interaction, requirement),
      verifier: verifier(),
      ...(options.fault ? { fault: options.fault } : {}),
    });
  }

  const accountIdOf = (known: KnownPerson) => ('account' in known ? known.account.id : undefined);

  /** What the button will lead to, for this person in this browser, as far as can be said before it is pressed. */
  async function methodFor(
    ctx: Context,
    interaction: OpenInteraction,
    requirement: Requirement & { kind: 'selfie' },
    account: Account | undefined,
    origin: LoginOrigin,
  ): Promise<Pages['begin']['method']> {
    const request = interactions.loginRequest(interaction, requirement);
    const { clientId, scopes } = request;
    const device = cookies.device(ctx);
    const assessed = await journey.risk.assess({ account, device, origin, clientId, scopes });
    if (account && skipFor(account, request, assessed)) return 'none';
    return requiredBy(request, assessed, rules).method;
  }

  /** @param remembered whom this browser knows by itself: of nobody else it is told here who has a passkey (T26) */
  async function passkeyPart(
    { client: { clientId } }: OpenInteraction,
    required: Need,
    remembered: Account | undefined,
  ): Promise<Pages['begin']['passkey']> {
    const isAlone = journey.otherWays.offered({ clientId, required }).includes('passkey');
    const isAsWished = required.preferred === undefined || acrSatisfies(PHISHING_RESISTANT, required.preferred);
    if (remembered && required.key && isAlone && isAsWished && !isHeldBack(remembered, {})) {
      const own = await parts.passkeys.list(remembered.id);
      if (own.some(({ copiedAt }) => copiedAt === undefined)) return 'first';
    }
    if (isEnough(acrOf(required.method), required)) return undefined;
    return isAlone ? 'enough' : 'beside';
  }

  function offersOtherWays({ client }: OpenInteraction, requirement: Requirement & { kind: 'selfie' }): boolean {
    return journey.otherWays.offered({ clientId: client.clientId, required: requirement }).length > 0;
  }

  const shownPerson = (accountId: string) => sealer.keyedHash(accountId, SHOWN_PERSON);
  /** under any key: a page that is open outlives a rotation */
  const wasShown = (accountId: string, hash: string | undefined) =>
    hash !== undefined && sealer.keyedHashes(accountId, SHOWN_PERSON).includes(hash);

  const verifier = () => ({ ...parts.verifier, keepsPortrait: rules.portrait === 'vendor' });

  async function deviceAccounts(ctx: Context): Promise<readonly string[]> {
    const device = cookies.device(ctx);
    return device === undefined ? [] : parts.devices.accountsOf(device);
  }

  async function begin(ctx: Context, uid: string): Promise<void> {
    if (!interactions.wasBegunHere(ctx, uid)) return explainAbsence(ctx, uid);
    const fields = await readPost(ctx, uid);
    if (!fields) return;
    // after the form, however slowly it came: what is begun with must not be older than what another form has begun meanwhile (T2, T17)
    const [opened, remembered] = await Promise.all([openWithAttempt(ctx, uid), deviceAccounts(ctx)]);
    if (!opened) return;
    const { interaction, attempt } = opened;
    if (fields.switch_account !== undefined) return reply.onTo(ctx, `/interaction/${uid}?switch=1`);
    const known = await interactions.knownPerson(ctx, interaction, remembered);
    const requirement = await interactions.requirement(interaction, accountIdOf(known));
    if (interaction.kind !== 'login' || requirement.kind === 'unmet') return reply.onTo(ctx, `/interaction/${uid}`);
    if (known.kind === 'nobody-known') return reply.onTo(ctx, `/interaction/${uid}`);
    // the page showed one person, and another would be begun for: show again who it is (invariant 6)
    const isShown =
      known.kind === 'ask' || fields.identifier !== undefined || wasShown(known.account.id, fields.person);
    if (fields.person !== undefined && !isShown) return reply.onTo(ctx, `/interaction/${uid}`);
    // a fixed person cannot be typed over (invariant 6)
    const typed = known.kind === 'fixed' ? undefined : fields.identifier;
    const invitation = fields.invitation || cookies.invitation(ctx);
    const outcome = await journey.begin({
      ...inputOf(ctx, interactions.loginRequest(interaction, requirement)),
      attempt,
      ...(typed === undefined ? {} : { typed }),
      ...(known.kind === 'ask' ? {} : { known: known.account }),
      ...(isTicked(fields.biometric_consent) ? { consentVersion: CONSENT.version } : {}),
      ...(invitation ? { invitation } : {}),
      ...wishOf(fields),
      phone: fields.begin === 'phone' && rules.forClient(interaction.client.clientId).crossDevice === 'confirm',
    });
    await showBegun(ctx, interaction, outcome, fields, offersOtherWays(interaction, requirement));
  }

  /** On with an attempt that is there, after a step of its own. */
  async function goOn(ctx: Context, interaction: OpenInteraction): Promise<void> {
    const requirement = await interactions.requirement(interaction);
    if (requirement.kind === 'unmet') return reply.onTo(ctx, `/interaction/${interaction.uid}`);
    const request = interactions.loginRequest(interaction, requirement);
    const attempt = await attempts.find(interaction.uid);
    const outcome = await journey.begin({ ...inputOf(ctx, request), attempt, phone: false });
    await showBegun(ctx, interaction, outcome, {}, offersOtherWays(interaction, requirement));
  }

  function inputOf(ctx: Context, request: LoginRequest): Pick<BeginInput, 'request' | 'browser' | 'device' | 'origin'> {
    const device = cookies.device(ctx);
    return {
      request,
      browser: cookies.browser(ctx).hash,
      ...(device === undefined ? {} : { device }),
      origin: originOf(ctx),
    };
  }

  async function showBegun(
    ctx: Context,
    interaction: OpenInteraction,
    outcome: BeginOutcome,
    fields: Fields,
    otherWays: boolean,
  ): Promise<void> {
    const { uid } = interaction;
    const page = { form: formOf(uid), client: viewOfClient(interaction.client) };
    const later = (seconds: number) => {
      ctx.set('Retry-After', String(seconds));
      return { ...page, retryAfterSeconds: seconds, otherWays, carried: carriedOf(fields) };
    };
    const lastTry = {
      ...page,
      kind: 'declined',
      triesLeft: 0,
      offerPhone: false,
      otherWays,
      mayReEnrol: false,
    } as const;
    switch (outcome.kind) {
      case 'to-vendor':
        return reply.onTo(ctx, outcome.url);
      case 'to-waiting':
        return reply.onTo(ctx, `/interaction/${uid}/waiting`);
      case 'to-finish':
        return reply.onTo(ctx, `/interaction/${uid}/finish`);
      case 'to-other-ways':
        return reply.onTo(ctx, `/interaction/${uid}/${fields.begin === 'passkey' ? 'passkey' : 'other'}`);
      case 'to-code':
        return reply.onTo(ctx, `/interaction/${uid}/code`);
      case 'fault': {
        const { field, message } = outcome;
        if (await attempts.find(uid)) return reply.onTo(ctx, `/interaction/${uid}/other?consent=missing`);
        const { identifier, invitation } = fields;
        return showBegin(ctx, interaction, await deviceAccounts(ctx), {
          status: 422,
          fault: { field, message },
          isConsentGiven: isTicked(fields.biometric_consent),
          ...(identifier === undefined ? {} : { typed: identifier }),
          ...(invitation === undefined ? {} : { invitation }),
        });
      }
      case 'enrolment-refused':
        return reply.page(ctx, 403, 'enrolment-refused', { ...page, reason: outcome.reason });
      case 'conflict':
        return reply.page(ctx, 409, 'conflict', later(outcome.retryAfterSeconds));
      case 'limited':
        return reply.page(ctx, 429, 'limited', {
          ...later(outcome.retryAfterSeconds),
          isBudget: outcome.isBudget === true,
        });
      case 'vendor-down':
        return reply.page(ctx, 503, 'vendor-down', later(outcome.retryAfterSeconds));
      case 'blocked':
        return reply.page(ctx, 403, 'retry', { ...lastTry, kind: 'blocked', carried: carriedOf(fields) });
      case 'no-portrait': {
        const attempt = await attempts.find(uid);
        return reply.page(ctx, 200, 'retry', {
          ...page,
          kind: 'no-portrait',
          triesLeft: attempt ? triesLeft(attempt, rules.attempt) : 0,
          offerPhone: offersPhone(originOf(ctx), interaction.client.clientId),
          otherWays,
          mayReEnrol: false,
        });
      }
      case 'no-tries-left': {
        const attempt = await attempts.find(uid);
        const current = attempt && currentVerification(attempt);
        if (attempt && current?.conclusion === 'refused') return showRetry(ctx, interaction, attempt, current);
        return reply.page(ctx, 200, 'retry', lastTry);
      }
      case 'over': {
        const attempt = await attempts.find(uid);
        if (attempt) return showEnded(ctx, interaction, attempt);
        return reply.page(ctx, 410, 'ended', { ...page, reason: 'lapsed' });
      }
    }
  }

  return { first, begin, goOn };
}

function wishOf(fields: Fields): Pick<BeginInput, 'wish'> {
  if (fields.begin === 'other' || fields.begin === 'passkey') return { wish: 'other-way' };
  return fields.begin === 're-enrol' ? { wish: 're-enrol' } : {};
}

/** A checkbox sends what its `value` says; a program may send what it means. */
function isTicked(value: string | undefined): boolean {
  return value !== undefined && !['', 'no', 'off', 'false', '0'].includes(value.trim().toLowerCase());
}

/** What was typed on the first page, for another try while nothing is stored. */
function carriedOf(fields: Fields): Record<string, string> {
  const names = ['identifier', 'biometric_consent', 'invitation'];
  return Object.fromEntries(names.filter((name) => fields[name]).map((name) => [name, fields[name] ?? '']));
}
