// The challenges that passkeys answer: random, kept here and not with the browser, bound to one place (an interaction, or a session of
// the person's own page) and one purpose, good once and for five minutes. An answer that was recorded, or was meant for another login,
// fits none.

import type { Store } from './ports.ts';

const CHALLENGE_SECONDS = 300;

export interface KeyChallenge {
  /** base64url */
  readonly challenge: string;
  /** of a registration: what the new key will say about whose it is */
  readonly userHandle?: string;
}

export interface KeyChallenges {
  /** The page that was shown last is the one whose answer counts. */
  keep(purpose: 'make' | 'use', place: string, challenge: KeyChallenge): Promise<void>;
  /** Exactly one answer gets it. */
  take(purpose: 'make' | 'use', place: string): Promise<KeyChallenge | undefined>;
}

export function createKeyChallenges({ store }: { store: Store }): KeyChallenges {
  const key = (purpose: string, place: string) => `key-challenge:${purpose}:${place}`;
  return {
    keep: (purpose, place, challenge) => store.set(key(purpose, place), challenge, CHALLENGE_SECONDS),
    take: (purpose, place) => store.take<KeyChallenge>(key(purpose, place)),
  };
}
