// The device that a login makes known, and the cookie that it is known by.

import { addressPrefix } from '../core/address.ts';
import { bestProof, facesShown, isSkipped, type LoginAttempt } from '../core/attempt.ts';
import type { LateVerdicts } from './late.ts';
import { isLoginProof, loginProof } from './login-proof.ts';
import { proofsOf } from './login-result.ts';
import type { JourneyParts } from './rules.ts';
import type { DeviceUse, DeviceVisit } from './stores.ts';
import { hashToken } from './tokens.ts';

/** 132 bits of base64url, as long as the tokens that are random (`tokens.ts`). */
const DEVICE_TOKEN_CHARACTERS = 22;
const DEVICE_COOKIE = 'device-cookie';

export interface DeviceMemory {
  /**
   * A face or a key makes a device known; a code does not. A cookie from before the login is never promoted: whoever planted it would
   * hold a known device (T23).
   *
   * @param device hash of the cookie that came along
   * @param uses by whom it is known, as read just now
   * @returns a new cookie, when this browser needs one
   */
  remember(
    attempt: LoginAttempt,
    accountId: string,
    device: string | undefined,
    uses: readonly DeviceUse[],
  ): Promise<string | undefined>;
  /**
   * What the login carries so that it ends with all the others at this device; undefined where the device is not known, nor becomes so.
   *
   * @param uses by whom it is known
   */
  markOf(attempt: LoginAttempt, accountId: string, uses: readonly DeviceUse[]): string | undefined;
  /** The cookie of a login that is told again, unless it was taken back since: nothing becomes known by asking twice. */
  find(attempt: LoginAttempt): Promise<string | undefined>;
}

export function createDeviceMemory(parts: JourneyParts & { late: LateVerdicts }): DeviceMemory {
  const { clock, devices, late, revoker, sealer } = parts;

  async function remember(
    attempt: LoginAttempt,
    accountId: string,
    device: string | undefined,
    uses: readonly DeviceUse[],
  ): Promise<string | undefined> {
    if (!makesKnown(attempt)) return undefined;
    const proof = bestProof(attempt);
    const { uid, origin } = attempt;
    const verificationIds = attempt.proofs.map((each) => each.verificationId);
    const faces = facesShown(attempt);
    const visit = {
      at: clock.now(),
      browser: origin.label,
      prefix: addressPrefix(origin.address),
      uid,
      mark: attempt.deviceMark ?? uid,
      ...(proof
        ? {
            selfie: {
              at: Math.min(proof.authTime, clock.now()),
              verificationIds,
              ...(faces ? { faces } : {}),
              login: loginProof(uid),
            },
          }
        : {}),
    };
    if (isSkipped(attempt)) return revisit(attempt, accountId, device, visit);
    const staysKnown = device && uses[0]?.accountId === accountId;
    const token = deviceTokenOf(attempt);
    const hash = staysKnown ? device : hashToken(token);
    await devices.remember(hash, accountId, visit, staysKnown ? undefined : device);
    if (!(await isTakenBack(attempt))) return staysKnown ? undefined : token;
    // whoever took it back since the attempt was spent found no device to forget (T8, T17)
    await devices.drop(hash, accountId);
    return undefined;
  }

  /**
   * A skip proves nothing new, so there is nothing to be promoted: the cookie stays, for other tabs and people as well. Where the device was
   * forgotten since the button was pressed it stays forgotten, and what it let in is ended before it begins (T17).
   */
  async function revisit(
    attempt: LoginAttempt,
    accountId: string,
    device: string | undefined,
    visit: DeviceVisit,
  ): Promise<undefined> {
    const isKnown = device !== undefined && (await devices.revisit(device, accountId, visit));
    if (!isKnown) await revoker.revoke(loginProof(attempt.uid));
    else if (await isTakenBack(attempt)) await devices.drop(device, accountId);
    return undefined;
  }

  /** Also what the face stood on, and the mark: a device that was forgotten must not be known by what every login at it would end with. */
  async function isTakenBack(attempt: LoginAttempt): Promise<boolean> {
    const { proofs, factors } = attempt;
    const restsOn = factors.flatMap(({ rests }) => rests).filter((id) => !isLoginProof(id));
    const ids = [...proofs.map(({ verificationId }) => verificationId), ...restsOn];
    const looks = [...ids.map(late.isTakenBack), ...proofsOf(attempt).map(revoker.isRevoked)];
    return (await Promise.all(looks)).includes(true);
  }

  const makesKnown = (attempt: LoginAttempt) =>
    bestProof(attempt) !== undefined ||
    attempt.factors.some(({ factor }) => factor === 'passkey' || factor === 'device');

  function markOf(attempt: LoginAttempt, accountId: string, uses: readonly DeviceUse[]): string | undefined {
    const [mark] = uses.find((use) => use.accountId === accountId)?.marks ?? [];
    return mark ?? (makesKnown(attempt) ? attempt.uid : undefined);
  }

  async function find({ uid, accountId }: LoginAttempt): Promise<string | undefined> {
    if (accountId === undefined) return undefined;
    for (const hash of sealer.keyedHashes(uid, DEVICE_COOKIE)) {
      const token = hash.slice(0, DEVICE_TOKEN_CHARACTERS);
      if (await devices.find(hashToken(token), accountId)) return token;
    }
    return undefined;
  }

  /** One login makes one device, however often its answer is asked for: a token that nobody else can make, and we need not keep. */
  const deviceTokenOf = ({ uid }: LoginAttempt) =>
    sealer.keyedHash(uid, DEVICE_COOKIE).slice(0, DEVICE_TOKEN_CHARACTERS);

  return { remember, markOf, find };
}
