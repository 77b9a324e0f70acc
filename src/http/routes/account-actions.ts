// The buttons of the person's own page. Each is a form of ours, does one thing to this account and nothing else, is written into the
// journal, and leads back with a word on what was done. What another account owns is not there for them.

import type { Context } from 'koa';
import type { Denials } from '../../login/denials.ts';
import { deviceProof, isDeviceProof, loginProof } from '../../login/login-proof.ts';
import type { Clock, Journal } from '../../login/ports.ts';
import type { AccountStore, ActivityStore, DeviceStore, DeviceUse, PasskeyStore } from '../../login/stores.ts';
import type { Consents } from '../../oidc/consents.ts';
import type { Revocation } from '../../oidc/revocation.ts';
import type { Cookies } from '../cookies.ts';
import type { Fields } from '../own-form.ts';
import type { Reply } from '../reply.ts';
import { type AccountAccess, type AccountSession, isStrong } from './account-access.ts';
import { mayDeny } from './account-view.ts';

export interface AccountActionParts {
  readonly access: AccountAccess;
  readonly accounts: Pick<AccountStore, 'find'>;
  readonly activity: Pick<ActivityStore, 'findSignIn'>;
  readonly devices: Pick<DeviceStore, 'list' | 'drop' | 'accountsOf'>;
  readonly passkeys: Pick<PasskeyStore, 'remove'>;
  readonly consents: Pick<Consents, 'withdraw'>;
  readonly denials: Pick<Denials, 'denySignIn' | 'callOffNewFace'>;
  readonly revocation: Pick<
    Revocation,
    'endSessionOf' | 'revokeAccount' | 'revokeClient' | 'revokeElsewhere' | 'sessionsOf'
  >;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly cookies: Pick<Cookies, 'device' | 'forgetDevice'>;
  readonly reply: Reply;
}

/** What a redirect can say: a word in the address, the sentence here. */
export const NOTICES = {
  'signed-out': 'That browser is signed out, and the applications it was signed in to are told.',
  'device-forgotten': 'The browser is forgotten: it is signed out, unless it is this one, and new to us next time.',
  'devices-forgotten': 'All browsers are forgotten: all but this one are signed out, and each is new to us next time.',
  'passkey-made': 'The passkey is made. It can be used from the next sign-in on.',
  'passkey-removed':
    'The passkey opens your account no longer. Your device may still list it; you can delete it there too.',
  'consent-withdrawn': 'The permission is withdrawn, and the application is told. It has to ask again.',
  'sign-in-ended': 'That sign-in is ended with all that came of it, and your account is watched more closely.',
  'new-face-called-off': 'The new picture does not count. The one before stays.',
} as const;

type Done = keyof typeof NOTICES;

export const FAULTS = {
  'not-there': 'There was nothing to change: it was gone already.',
  weak: 'This needs a selfie or a passkey. You are signed in with a code.',
} as const;

/** @returns what was done, or undefined when there was nothing to do */
type Deed = (ctx: Context, session: AccountSession, fields: Fields) => Promise<Done | Gone | undefined>;

/** There is no page to come back to: what is said instead, by a word in the address. */
const GONE = { 'signed-out-here': 'here', 'denied-here': 'denied', 'denied-face': 'denied-face' } as const;

type Gone = keyof typeof GONE;

export function createAccountActions(parts: AccountActionParts) {
  const {
    access,
    accounts,
    activity,
    devices,
    passkeys,
    consents,
    denials,
    revocation,
    journal,
    clock,
    cookies,
    reply,
  } = parts;

  /** @param options.strong a code by mail or from support is not enough: whoever reads the person's mail could do it */
  function action(deed: Deed, options: { readonly strong: boolean }) {
    return async (ctx: Context): Promise<void> => {
      const post = await access.openPost(ctx);
      if (!post) return;
      const { session, fields } = post;
      if (options.strong && !isStrong(session)) return reply.onTo(ctx, '/account?fault=weak');
      const done = await deed(ctx, session, fields);
      if (done === undefined) return reply.onTo(ctx, '/account?fault=not-there');
      reply.onTo(ctx, done in GONE ? `/account/signed-out?from=${GONE[done as Gone]}` : `/account?done=${done}`);
    };
  }

  const note = (event: string, { account }: AccountSession, details: Record<string, string | number> = {}) =>
    journal.record({ event, account: account.id, reasons: ['by-person'], ...details });

  const signOut: Deed = async (_ctx, session, { session: uid = '' }) => {
    if (!(await revocation.endSessionOf(session.account.id, uid))) return undefined;
    await note('session.ended', session);
    return uid === session.sessionUid ? 'signed-out-here' : 'signed-out';
  };

  const forgetDevices: Deed = async (ctx, session, { device: wanted = '' }) => {
    const { id } = session.account;
    const known = await devices.list(id);
    const gone = wanted === 'all' ? known : known.filter(({ device }) => device === wanted);
    if (gone.length === 0) return undefined;
    let sessions = 0;
    for (const each of gone) {
      // first, so that it can be pressed again where the storage was away in between
      sessions += await endLogins(session, each.marks);
      const had = await devices.drop(each.device, id);
      // by a login that made it known at the same moment as another one
      const since = had?.marks.filter((mark) => !each.marks.includes(mark)) ?? [];
      sessions += await endLogins(session, since);
    }
    sessions += await endUnmarked(session, gone);
    await forgetCookie(
      ctx,
      gone.map(({ device }) => device),
    );
    await note('devices.forgotten', session, { count: gone.length, sessions });
    return wanted === 'all' ? 'devices-forgotten' : 'device-forgotten';
  };

  /**
   * A lost device is to open nothing any more, also what was finished there and not yet followed to its end; here the person goes on.
   *
   * @returns how many sessions ended
   */
  async function endLogins({ sessionUid }: AccountSession, marks: readonly string[]): Promise<number> {
    let sessions = 0;
    for (const mark of marks) sessions += (await revocation.revokeElsewhere(deviceProof(mark), sessionUid)).sessions;
    return sessions;
  }

  /** What signed in there with an earlier version, whose logins carried no mark. */
  async function endUnmarked({ account, sessionUid }: AccountSession, gone: readonly DeviceUse[]): Promise<number> {
    const there = new Set(gone.flatMap(({ logins }) => logins).map(loginProof));
    let sessions = 0;
    for (const { uid, proofs } of await revocation.sessionsOf(account.id)) {
      const isThere = !proofs.some(isDeviceProof) && proofs.some((proof) => there.has(proof));
      if (isThere && uid !== sessionUid && (await revocation.endSessionOf(account.id, uid))) sessions += 1;
    }
    return sessions;
  }

  /** A cookie that no account knows any more need not be kept; one that others use is theirs. */
  async function forgetCookie(ctx: Context, gone: readonly string[]): Promise<void> {
    const own = cookies.device(ctx);
    if (own !== undefined && gone.includes(own) && (await devices.accountsOf(own)).length === 0)
      cookies.forgetDevice(ctx);
  }

  const removePasskey: Deed = async (_ctx, session, { passkey = '' }) => {
    if (!(await passkeys.remove(session.account.id, passkey))) return undefined;
    await note('passkey.removed', session);
    return 'passkey-removed';
  };

  const withdraw: Deed = async (_ctx, session, { client = '' }) => {
    const isWithdrawn = await consents.withdraw(session.account.id, client);
    // also when it was withdrawn before: a crash in between must not leave the tokens
    const grants = await revocation.revokeClient(session.account.id, client);
    if (!isWithdrawn && grants === 0) return undefined;
    await note('consent.withdrawn', session, { client, grants });
    return 'consent-withdrawn';
  };

  const notMe: Deed = async (_ctx, session, { login = '' }) => {
    const signIn = await activity.findSignIn(session.account.id, login);
    if (!signIn || !mayDeny(session, signIn, clock.now())) return undefined;
    if (!(await denials.denySignIn(session.account.id, login))) return undefined;
    // it may have been this session's own, or have brought the face that this account was known by
    if (!(await access.isSignedIn(session))) return 'denied-here';
    return (await accounts.find(session.account.id))?.standing === 'good' ? 'sign-in-ended' : 'denied-face';
  };

  const callOffNewFace: Deed = async (_ctx, { account }) =>
    (await denials.callOffNewFace(account.id)) ? 'new-face-called-off' : undefined;

  return {
    signOut: action(signOut, { strong: false }),
    forgetDevices: action(forgetDevices, { strong: true }),
    removePasskey: action(removePasskey, { strong: true }),
    withdraw: action(withdraw, { strong: true }),
    notMe: action(notMe, { strong: true }),
    // leaves the face in place that was proven: also whoever cannot show one now may stop a stranger's
    callOffNewFace: action(callOffNewFace, { strong: false }),

    /** This browser too; so there is no page to come back to but one that needs nobody. */
    async signOutEverywhere(ctx: Context): Promise<void> {
      const post = await access.openPost(ctx);
      if (!post) return;
      const { session } = post;
      const ended = await revocation.revokeAccount(session.account.id);
      await note('account.signed-out', session, { ...ended });
      reply.onTo(ctx, '/account/signed-out');
    },
  };
}
