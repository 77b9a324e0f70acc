// What a spent attempt tells oidc-provider: who it is, how that was proven, and all that the login rests on. The same however often it is
// asked for.

import { strengthOf } from '../core/assurance.ts';
import { bestProof, facesShown, isSkipped, type LoginAttempt } from '../core/attempt.ts';
import { deviceProof, loginProof } from './login-proof.ts';

export interface LoginResult {
  readonly accountId: string;
  readonly acr: string;
  readonly amr: readonly string[];
  /** epoch seconds */
  readonly authTime: number;
  /** how often the person had signed out everywhere when the attempt was spent, however often its answer is asked for */
  readonly signOuts: number;
  /** all that the login rests on, and the login itself: whichever is taken back ends what came of it */
  readonly proofIds: readonly string[];
  /** of them the login itself */
  readonly own: string;
  readonly needs: LoginNeeds;
}

/** What has to be there still when the answer is followed to the client; taken back later, it ends nothing that has begun by then. */
export interface LoginNeeds {
  /** verifications: the account stands on no others */
  readonly faces?: readonly string[];
  /** hash of the cookie of the known device that was enough */
  readonly device?: string;
  /** the credential id of the passkey that was shown */
  readonly passkey?: string;
}

/** All that a login rests on, and the login itself: whichever is taken back, nothing may be built on this attempt any more. */
export function proofsOf(attempt: LoginAttempt): readonly string[] {
  const { deviceMark, factors, proofs, uid } = attempt;
  const proofIds = [
    ...proofs.map(({ verificationId }) => verificationId),
    ...(facesShown(attempt) ?? []),
    ...factors.flatMap((factor) => [...factor.rests, ...(factor.faces ?? [])]),
    ...(deviceMark === undefined ? [] : [deviceProof(deviceMark)]),
    loginProof(uid),
  ];
  return [...new Set(proofIds)];
}

/**
 * @param device hash of the device cookie that came along
 * @param now epoch seconds
 * @returns undefined when nothing was proven
 */
export function loginResultOf(attempt: LoginAttempt, device: string | undefined, now: number): LoginResult | undefined {
  const { accountId, factors, signOuts = 0, uid } = attempt;
  const strength = strengthOf(bestProof(attempt), factors);
  if (!strength || accountId === undefined) return undefined;
  const faces = facesShown(attempt);
  const passkey = factors.find(({ factor }) => factor === 'passkey')?.credential;
  return {
    accountId,
    acr: strength.acr,
    amr: strength.amr,
    // the vendor's clock may run ahead of ours; nobody has signed in in the future
    authTime: Math.min(strength.authTime, now),
    signOuts,
    proofIds: proofsOf(attempt),
    own: loginProof(uid),
    needs: {
      ...(faces ? { faces } : {}),
      ...(isSkipped(attempt) && device !== undefined ? { device } : {}),
      ...(passkey === undefined ? {} : { passkey }),
    },
  };
}
