// Gathers what the person's own page shows. Sessions of the library are joined with the sign-ins they came of, so that each says from
// which browser and address it was made. Nothing changes here.

import type { Context } from 'koa';
import type { Account } from '../../core/account.ts';
import { ALLOWED_SECONDS } from '../../login/allowances.ts';
import type { Clock } from '../../login/ports.ts';
import type { JourneyRules } from '../../login/rules.ts';
import type { AccountStore, ActivityStore, DeviceStore, PasskeyStore, SignIn } from '../../login/stores.ts';
import type { Consents } from '../../oidc/consents.ts';
import { loginOf, OWN_CLIENT_ID } from '../../oidc/own-pages.ts';
import type { Revocation, SignedIn } from '../../oidc/revocation.ts';
import type { Cookies } from '../cookies.ts';
import type { AccountView, ClientView } from '../pages.ts';
import { type AccountSession, isStrong } from './account-access.ts';
import { describeClaims, describeConsent, describeReasons, describeReview, describeStrength } from './account-words.ts';

export interface AccountViewParts {
  readonly accounts: Pick<AccountStore, 'find'>;
  readonly activity: Pick<ActivityStore, 'signIns'>;
  readonly devices: Pick<DeviceStore, 'list'>;
  readonly passkeys: Pick<PasskeyStore, 'list'>;
  readonly consents: Pick<Consents, 'list'>;
  readonly revocation: Pick<Revocation, 'sessionsOf'>;
  readonly rules: Pick<JourneyRules, 'passkeys'>;
  readonly clock: Clock;
  readonly cookies: Pick<Cookies, 'device'>;
  readonly verifierName: string;
  clientView(clientId: string): Promise<ClientView | undefined>;
}

export type Told = Pick<AccountView, 'notice' | 'fault'>;

export function createAccountView(parts: AccountViewParts) {
  const { activity, devices, passkeys, consents, revocation, rules, clock, cookies, clientView } = parts;

  return async function viewOf(ctx: Context, session: AccountSession, told: Told): Promise<AccountView> {
    const { account, csrf } = session;
    const [signIns, sessions, known, keys, allowed] = await Promise.all([
      activity.signIns(account.id),
      revocation.sessionsOf(account.id),
      devices.list(account.id),
      passkeys.list(account.id),
      consents.list(account.id),
    ]);
    const ids = [
      ...sessions.flatMap(({ clients }) => clients),
      ...[...signIns, ...allowed].map((each) => each.clientId),
    ];
    const names = await namesOf(ids);
    const nameOf = (clientId: string) => names.get(clientId) ?? clientId;
    const device = cookies.device(ctx);
    return {
      csrf,
      identifier: account.identifier,
      ...told,
      isWeak: !isStrong(session),
      about: aboutOf(account),
      sessions: sessions.map((each) => sessionOf(each, session.sessionUid, signIns, nameOf)),
      devices: known.map((use) => ({
        id: use.device,
        isThis: use.device === device,
        browser: use.browser,
        firstUsedAt: date(use.firstUsedAt),
        lastUsedAt: date(use.lastUsedAt),
        networks: use.networks.map(({ prefix }) => prefix),
      })),
      passkeys: keys.map(({ id, name, createdAt, lastUsedAt, copiedAt }) => ({
        id,
        name,
        madeAt: date(createdAt),
        isCopied: copiedAt !== undefined,
        ...(lastUsedAt === undefined ? {} : { lastUsedAt: date(lastUsedAt) }),
      })),
      offerPasskey: rules.passkeys,
      consents: allowed.map((consent) => ({
        clientId: consent.clientId,
        name: nameOf(consent.clientId),
        grants: describeConsent(consent),
        since: date(consent.at),
      })),
      signIns: signIns.map((signIn) => ({
        uid: signIn.uid,
        isThis: signIn.uid === session.loginUid,
        at: date(signIn.at),
        client: nameOf(signIn.clientId),
        strength: describeStrength(signIn.acr),
        browser: signIn.browser,
        address: signIn.address,
        reasons: describeReasons(signIn.reasons),
        isDenied: signIn.deniedAt !== undefined,
        mayDeny: mayDeny(session, signIn, clock.now()),
      })),
      verifier: parts.verifierName,
    };
  };

  async function namesOf(clientIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const named = [...new Set(clientIds)].map(async (id): Promise<[string, string]> => {
      // one that is gone from the clients file is still told by its id
      const view = id === OWN_CLIENT_ID ? undefined : await clientView(id).catch(() => undefined);
      return [id, view?.name ?? (id === OWN_CLIENT_ID ? 'This page' : id)];
    });
    return new Map(await Promise.all(named));
  }
}

/** As long as something of it may go on. Not the login that this session itself came of: signing out is the word for that. */
export function mayDeny({ loginUid }: Pick<AccountSession, 'loginUid'>, signIn: SignIn, now: number): boolean {
  return signIn.uid !== loginUid && signIn.deniedAt === undefined && now - signIn.at <= ALLOWED_SECONDS;
}

function aboutOf(account: Account): AccountView['about'] {
  const { consent, portrait, pending, review } = account;
  return {
    isConfirmed: account.email !== undefined,
    claims: describeClaims(account),
    enrolledAt: date(account.createdAt),
    ...(portrait.kind === 'local' ? { faceSince: date(portrait.pinnedAt) } : {}),
    ...(consent ? { consent: { version: consent.version, at: date(consent.at) } } : {}),
    ...(review ? { review: { since: date(review.since), reasons: describeReview(review.reasons) } } : {}),
    ...(pending ? { newFaceDueAt: date(pending.dueAt) } : {}),
  };
}

function sessionOf(
  signedIn: SignedIn,
  thisUid: string,
  signIns: readonly SignIn[],
  nameOf: (clientId: string) => string,
): AccountView['sessions'][number] {
  const logins = new Set(signedIn.proofs);
  const made = signIns.filter(({ uid }) => logins.has(`login:${uid}`));
  const latest = signIns.find(({ uid }) => uid === loginOf(signedIn));
  const first = made.at(-1);
  return {
    id: signedIn.uid,
    isThis: signedIn.uid === thisUid,
    clients: signedIn.clients.filter((id) => id !== OWN_CLIENT_ID).map(nameOf),
    ...(first ? { since: date(first.at) } : {}),
    ...(latest ? { browser: latest.browser, address: latest.address } : {}),
  };
}

function date(epochSeconds: number): Date {
  return new Date(epochSeconds * 1000);
}
