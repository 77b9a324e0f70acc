/** The hand on the stand-in: what a test of the whole product looks at and turns. The control routes offer the same. */
import type { Application } from './applications.ts';
import type { ApiCall } from './call-log.ts';
import { presentDecision } from './decisions.ts';
import type { WebhookOverrides } from './delivery.ts';
import { describeBrowser } from './devices.ts';
import type { Engine } from './engine.ts';
import type { CallName, FaultSpec } from './faults.ts';
import type { SettleOptions } from './outcomes.ts';
import { faultOfReview, type NewStatus, review } from './reviews.ts';
import { type Shared, type ShareOptions, share } from './sharing.ts';
import { type SessionSnapshot, snapshot } from './snapshot.ts';
import type { Delivery, JsonObject, Settings, StoredSession, WebhookMode } from './types.ts';

/** A user entity of ours, and whether a face is kept for it. */
export interface UserSnapshot {
  readonly vendorData: string;
  readonly status: string;
  readonly hasFace: boolean;
}

export interface SandboxControl {
  /** All sessions ever made, deleted ones too, newest last; ours, unless an application is named. */
  sessions(application?: string): SessionSnapshot[];
  /** @throws Error when there is none */
  session(id: string): SessionSnapshot;
  /** The decision as the API would answer it now, also for a deleted session. */
  decision(id: string): JsonObject;
  /** Opens the hosted page without a browser; resolves when In Progress was delivered. */
  open(id: string, device?: { address?: string; userAgent?: string; device?: string }): Promise<Delivery[]>;
  /**
   * Ends a session as the scenario says, and delivers it. Repeatable: settling again with another scenario is a flip.
   *
   * @returns what the receiver answered, one entry a delivery; empty when none was sent or it is held
   */
  settle(id: string, scenario: string, options?: SettleOptions): Promise<Delivery[]>;
  /**
   * A reviewer changes the verdict; the results stay. With `lost` nobody is told, and only a list or a look shows it.
   *
   * @throws Error where the API would answer 400
   */
  review(id: string, status: NewStatus, webhook?: WebhookMode): Promise<Delivery[]>;
  /** Another customer shares a finished session with us (or, told so, we with them). */
  share(options?: ShareOptions): Promise<Shared>;
  /** Ours first; keys and workflows of the others are in it. */
  applications(): readonly Application[];
  /** Our user entities. */
  users(): readonly UserSnapshot[];
  /** Sends one delivery about a session in its present state, with anything about it changed. */
  sendWebhook(id: string, overrides?: WebhookOverrides): Promise<Delivery[]>;
  /** Sets a user entity's status and delivers `user.status.updated`; BLOCKED refuses further creates. */
  setUserStatus(vendorData: string, status: 'ACTIVE' | 'FLAGGED' | 'BLOCKED'): Promise<Delivery[]>;
  /** Forgets the face stored for a user. */
  forgetFace(vendorData: string): void;
  /** Sends the deliveries that mode `late` holds. */
  release(id?: string): Promise<Delivery[]>;
  /** Every delivery so far, with its answer, also those of the hosted page. */
  deliveries(): readonly Delivery[];
  /** Resolves when no delivery is on its way. */
  idle(): Promise<void>;
  /** API and image requests so far. */
  calls(): readonly ApiCall[];
  clearCalls(): void;
  /** Arms a fault; the answer disarms it. */
  fault(call: CallName | 'all', spec: FaultSpec): () => void;
  clearFaults(): void;
  /** Switches settings while it runs. */
  configure(changes: Partial<Settings>): void;
  settings(): Readonly<Settings>;
}

export function controlOf(engine: Engine): SandboxControl {
  const { applications, sessions, webhooks, outcomes, faults, calls, settings } = engine;
  const users = sessions.users(applications.own.id);
  const load = (id: string): StoredSession => {
    const session = sessions.find(id) ?? sessions.any(id);
    if (session === undefined) throw new Error(`the stand-in has no session ${id}`);
    return session;
  };
  return {
    sessions: (application = applications.own.id) =>
      sessions.all(applications.load(application).id).map(({ id }) => snapshot(load(id), settings)),
    session: (id) => snapshot(load(id), settings),
    decision: (id) => presentDecision(load(id), engine.context),
    open: async (id, { address = '127.0.0.1', userAgent = '', device = `${address} ${userAgent}` } = {}) =>
      outcomes.open(load(id), describeBrowser(device, address, userAgent)),
    settle: async (id, scenario, options) => outcomes.settle(load(id), scenario, options),
    review: async (id, status, webhook) => {
      const session = load(id);
      const fault = faultOfReview(session, status);
      if (fault !== undefined) throw new Error(JSON.stringify(fault));
      return review(session, status, engine, webhook === undefined ? {} : { webhook });
    },
    share: (options) => share(engine, options),
    applications: () => applications.all,
    users: () =>
      users.all().map(({ vendorData, status }) => ({ vendorData, status, hasFace: users.faces.has(vendorData) })),
    sendWebhook: async (id, overrides) => webhooks.send(load(id), overrides),
    setUserStatus: async (vendorData, status) => {
      const user = users.ensure(vendorData);
      const previous = user.status;
      user.status = status;
      return webhooks.sendUserStatus(vendorData, status, previous);
    },
    forgetFace: (vendorData) => void users.faces.delete(vendorData),
    release: webhooks.release,
    deliveries: webhooks.deliveries,
    idle: webhooks.idle,
    calls: calls.all,
    clearCalls: calls.clear,
    fault: faults.arm,
    clearFaults: faults.clear,
    configure: (changes) => void Object.assign(settings, changes),
    settings: () => ({ ...settings }),
  };
}
