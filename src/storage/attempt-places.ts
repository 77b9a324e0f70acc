// Where a login was begun, and where its face was shown: addresses of a person, sealed wherever an attempt is stored (T18). What has not
// changed since it was read goes back as it was sealed.

import type { LoginAttempt, Verification } from '../core/attempt.ts';
import type { LoginOrigin } from '../core/binding.ts';
import type { CaptureAnalysis } from '../core/verdict-types.ts';
import type { Sealer } from '../login/ports.ts';
import { rememberOpened } from './opened.ts';

interface Places {
  readonly origin: LoginOrigin;
  /** by verification */
  readonly captures: Readonly<Record<string, readonly CaptureAnalysis[]>>;
}

/** As it is stored; an earlier version had the places in clear, and no `sealedPlaces`. */
export type StoredAttempt = Omit<LoginAttempt, 'origin' | 'verifications'> & {
  readonly sealedPlaces?: string;
  readonly origin?: LoginOrigin;
  readonly verifications: readonly Verification[];
};

export interface AttemptPlaces {
  seal(attempt: LoginAttempt): StoredAttempt;
  /** @throws SealedUnreadable */
  open(stored: StoredAttempt): LoginAttempt;
}

export function createAttemptPlaces({ sealer }: { sealer: Sealer }): AttemptPlaces {
  const contextOf = (uid: string) => `attempt:${uid}:places`;
  const read = rememberOpened((context, sealed) => JSON.parse(sealer.openText(sealed, context)) as Places);
  /** by the origin as it was read, which no step of an attempt replaces */
  const sealedBefore = new WeakMap<LoginOrigin, { readonly text: string; readonly sealed: string }>();

  return {
    seal(attempt) {
      const { origin, verifications, ...rest } = attempt;
      const shown = verifications.flatMap(({ id, captures }) => (captures ? [[id, captures] as const] : []));
      const text = JSON.stringify({ origin, captures: Object.fromEntries(shown) } satisfies Places);
      const before = sealedBefore.get(origin);
      const sealedPlaces = before?.text === text ? before.sealed : sealer.seal(text, contextOf(attempt.uid));
      return { ...rest, sealedPlaces, verifications: verifications.map(({ captures: _sealed, ...each }) => each) };
    },
    open(stored) {
      const { sealedPlaces, ...rest } = stored;
      if (sealedPlaces === undefined) return rest as LoginAttempt;
      const places = read(contextOf(stored.uid), sealedPlaces);
      const { origin, captures } = places;
      // read a moment ago, it is the same object, and was sealed the same
      if (!sealedBefore.has(origin)) sealedBefore.set(origin, { text: JSON.stringify(places), sealed: sealedPlaces });
      const verifications = stored.verifications.map((each) => {
        const shown = captures[each.id];
        return shown === undefined ? each : { ...each, captures: shown };
      });
      return { ...rest, origin, verifications };
    },
  };
}
