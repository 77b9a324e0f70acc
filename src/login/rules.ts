// The operator's policy as the journey reads it, and the parts a journey is made of. `app.ts` hands both over.

import type { MatchRules } from '../core/account.ts';
import type { Acr, Way } from '../core/assurance.ts';
import type { AttemptLimits } from '../core/attempt.ts';
import type { RuleSetting } from '../core/risk.ts';
import type { VerdictRules } from '../core/verdict.ts';
import type { KeyCeremonies } from './keys.ts';
import type { Mailer } from './mail.ts';
import type {
  Bus,
  Clock,
  IdentityVendor,
  JobQueue,
  Journal,
  Ledger,
  Logger,
  Meter,
  Networks,
  Revoker,
  Sealer,
  Store,
} from './ports.ts';
import type {
  AccountStore,
  ActivityStore,
  AttemptStore,
  DeviceStore,
  InvitationStore,
  PasskeyStore,
  RecoveryStore,
} from './stores.ts';

/** What the policy says of one client's logins. */
export interface ClientRules {
  /** rules of risk, in the order in which they are asked */
  readonly rules: readonly RuleSetting[];
  readonly otherWays: readonly Way[];
  readonly crossDevice: 'confirm' | 'off';
  readonly verdict: VerdictRules;
}

export type Notice = 'new_device' | 'hand_off' | 'weak_sign_in' | 'face_replaced' | 'passkey_added';

export interface JourneyRules {
  readonly issuer: string;
  readonly environment: 'live' | 'sandbox';
  readonly workflows: { readonly enrol: string; readonly passive: string; readonly active?: string };
  readonly attempt: AttemptLimits & { readonly ttlSeconds: number; readonly contestedAfterSeconds: number };
  readonly enrolment: 'open' | 'invite' | 'closed';
  /** whether somebody who enrols under an e-mail address proves it by a mailed code; only where mail can be sent */
  readonly emailCode: boolean;
  /** may a person register a passkey after a selfie? */
  readonly passkeys: boolean;
  /** what a scope requires of the login, whoever asks for it */
  readonly scopes: Readonly<Record<string, Acr>>;
  readonly risk: {
    readonly knownDeviceDays: number;
    readonly knownNetworkDays: number;
    /** how old a selfie may be that a skip rests on, at whichever client allows most */
    readonly oldestSelfieDays: number;
  };
  readonly reEnrolment: MatchRules & { readonly waitHours: number };
  readonly notices: readonly Notice[];
  /** in the currency of the bill */
  readonly costs: {
    readonly perVerification: number;
    readonly perEnrolment: number;
    /** from here on the operator is told … */
    readonly dailySoft?: number;
    /** … and from here on nothing is opened */
    readonly dailyHard?: number;
  };
  /** what holds for a client; the general policy where it has no entry */
  forClient(clientId: string): ClientRules;
  /** `vendor`: no face is kept here, the one at the vendor is compared with */
  readonly portrait: 'local' | 'vendor';
  readonly limits: {
    readonly sessionsPerAccountPerHour: number;
    readonly unknownDevicesPerAccountPerHour: number;
    readonly sessionsPerAddressPerHour: number;
    readonly sessionsPerClientPerHour: number;
    readonly sessionsPerDay: number;
    readonly otherWaysPerAccountPerHour: number;
    readonly otherWaysPerAddressPerHour: number;
  };
}

export interface JourneyParts {
  readonly vendor: IdentityVendor;
  readonly attempts: AttemptStore;
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
  readonly activity: ActivityStore;
  readonly networks: Networks;
  /** absent where no mail server is configured */
  readonly mailer?: Mailer | undefined;
  readonly recovery: RecoveryStore;
  readonly passkeys: PasskeyStore;
  readonly ceremonies: KeyCeremonies;
  readonly invitations: InvitationStore;
  readonly store: Store;
  readonly jobs: JobQueue;
  readonly bus: Bus;
  readonly sealer: Sealer;
  readonly journal: Journal;
  readonly ledger: Ledger;
  readonly meter: Meter;
  readonly log: Logger;
  readonly clock: Clock;
  readonly revoker: Revoker;
  readonly rules: JourneyRules;
  /** how a client is called, for people */
  readonly clientName: (clientId: string) => Promise<string>;
  /** epoch milliseconds, for due times of work */
  readonly nowMs: () => number;
}
