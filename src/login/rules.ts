// The operator's policy as the journey reads it, and the parts a journey is made of. `app.ts` hands both over.

import type { AttemptLimits } from '../core/attempt.ts';
import type { VerdictRules } from '../core/verdict.ts';
import type {
  AccountStore,
  AttemptStore,
  Bus,
  Clock,
  DeviceStore,
  IdentityVendor,
  InvitationStore,
  JobQueue,
  Journal,
  Ledger,
  Logger,
  Meter,
  Revoker,
  Sealer,
  Store,
} from './ports.ts';

export interface JourneyRules {
  readonly issuer: string;
  readonly environment: 'live' | 'sandbox';
  readonly workflows: { readonly enrol: string; readonly passive: string; readonly active?: string };
  readonly attempt: AttemptLimits & { readonly ttlSeconds: number; readonly contestedAfterSeconds: number };
  readonly enrolment: 'open' | 'invite' | 'closed';
  readonly crossDevice: 'confirm' | 'off';
  /** `vendor`: no face is kept here, the one at the vendor is compared with */
  readonly portrait: 'local' | 'vendor';
  readonly limits: {
    readonly sessionsPerAccountPerHour: number;
    readonly unknownDevicesPerAccountPerHour: number;
    readonly sessionsPerAddressPerHour: number;
    readonly sessionsPerClientPerHour: number;
    readonly sessionsPerDay: number;
  };
  readonly verdict: VerdictRules;
}

export interface JourneyParts {
  readonly vendor: IdentityVendor;
  readonly attempts: AttemptStore;
  readonly accounts: AccountStore;
  readonly devices: DeviceStore;
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
  /** epoch milliseconds, for due times of work */
  readonly nowMs: () => number;
}
