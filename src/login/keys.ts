// WebAuthn as the journey needs it: a ceremony is begun, answered by the browser, and judged. `factors/` knows how.

import type { MadePasskey, Passkey } from './stores.ts';

export type KeyReading<T> =
  | ({ readonly kind: 'right' } & T)
  /** `problem` is for the log: it may hold what the browser sent */
  | { readonly kind: 'refused'; readonly problem: string };

/** What a browser is handed to make or to use a passkey. */
export interface KeyCeremony {
  /** JSON, as `PublicKeyCredential.parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON` read it */
  readonly options: string;
  /** base64url; good for one answer */
  readonly challenge: string;
}

/**
 * WebAuthn, without any memory: whoever asks keeps the challenge and takes it away before the answer is judged. Answers are what
 * `PublicKeyCredential.toJSON` gives, as text from a form: anything may stand in them. Only `registration` and `authentication` throw.
 */
export interface KeyCeremonies {
  /**
   * @param of.name     how the person is called here, for the list that the device shows
   * @param of.existing no second one is made beside these on the same device
   */
  registration(of: {
    readonly name: string;
    readonly userHandle: string;
    readonly existing: readonly Pick<Passkey, 'id' | 'transports'>[];
  }): Promise<KeyCeremony>;
  verifyRegistration(answer: string, challenge: string): Promise<KeyReading<MadePasskey>>;
  /** Names no credential: what is asked is the same for every account, and for none (T26). */
  authentication(of: { readonly mustVerify: boolean }): Promise<KeyCeremony>;
  /** Which credential an answer claims to come from. Proves nothing. */
  credentialOf(answer: string): string | undefined;
  /** Does not judge the counter: `PasskeyStore.use` does, in one step with noting it. */
  verifyAuthentication(
    answer: string,
    asked: { readonly challenge: string; readonly mustVerify: boolean },
    passkey: Passkey,
  ): Promise<KeyReading<{ readonly counter: number; readonly verified: boolean }>>;
}
