/** The hand on the stand-in: what a test of the whole product looks at and turns. The control routes offer the same. */
import type { ApiCall } from './call-log.ts';
import { callbackAddress } from './callback.ts';
import { presentDecision } from './decisions.ts';
import type { WebhookOverrides } from './delivery.ts';
import { type CaptureFacts, describeBrowser } from './devices.ts';
import type { Engine } from './engine.ts';
import type { CallName, FaultSpec } from './faults.ts';
import type { SettleOptions } from './outcomes.ts';
import { sha256 } from './pictures.ts';
import type { Delivery, JsonObject, Settings, StoredSession } from './types.ts';

/** A session as it is now; plain JSON, safe to keep. */
export interface SessionSnapshot {
  readonly id: string;
  readonly number: number;
  readonly token: string;
  readonly url: string;
  readonly status: string;
  readonly kind: 'enrol' | 'passive' | 'active';
  readonly workflowId: string;
  readonly vendorData: string | null;
  readonly metadata: unknown;
  readonly callback: string | null;
  readonly callbackMethod: 'initiator' | 'completer' | 'both';
  /** Where the vendor would send the browser now: the callback with its two parameters. */
  readonly returnUrl: string | null;
  readonly language: string | null;
  readonly portrait: { readonly bytes: number; readonly sha256: string } | null;
  /** Whether there was a face to compare with, sent or stored. */
  readonly hasReference: boolean;
  readonly scenario: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly deleted: boolean;
  readonly devices: readonly CaptureFacts[];
  readonly history: readonly { readonly at: number; readonly status: string; readonly by: string }[];
  /** Hash of each picture there is, by name: selfie, portrait, front, reference, video. */
  readonly pictures: Readonly<Record<string, string>>;
}

export interface SandboxControl {
  /** All sessions ever made, deleted ones too, newest last. */
  sessions(): SessionSnapshot[];
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
  const { sessions, webhooks, outcomes, faults, calls, settings } = engine;
  const load = (id: string): StoredSession => {
    const session = sessions.find(id) ?? sessions.any(id);
    if (session === undefined) throw new Error(`the stand-in has no session ${id}`);
    return session;
  };
  return {
    sessions: () => sessions.all().map(({ id }) => snapshot(load(id), settings)),
    session: (id) => snapshot(load(id), settings),
    decision: (id) => presentDecision(load(id), engine.context),
    open: async (id, { address = '127.0.0.1', userAgent = '', device = `${address} ${userAgent}` } = {}) =>
      outcomes.open(load(id), describeBrowser(device, address, userAgent)),
    settle: async (id, scenario, options) => outcomes.settle(load(id), scenario, options),
    sendWebhook: async (id, overrides) => webhooks.send(load(id), overrides),
    setUserStatus: async (vendorData, status) => {
      const user = sessions.users.get(vendorData) ?? sessions.addUser(vendorData);
      const previous = user.status;
      user.status = status;
      return webhooks.sendUserStatus(vendorData, status, previous);
    },
    forgetFace: (vendorData) => void sessions.faces.delete(vendorData),
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

function snapshot(session: StoredSession, settings: Settings): SessionSnapshot {
  const painted = [...session.pictures].flatMap(([name, picture]) =>
    picture === null ? [] : [[name, sha256(picture.bytes)] as const],
  );
  return structuredClone({
    id: session.id,
    number: session.number,
    token: session.token,
    url: session.url,
    status: session.status,
    kind: session.kind,
    workflowId: session.workflowId,
    vendorData: session.vendorData,
    metadata: session.metadata,
    callback: session.callback,
    callbackMethod: session.callbackMethod,
    returnUrl: callbackAddress(session, settings),
    language: session.language,
    portrait: session.portraitSent,
    hasReference: session.reference !== null,
    scenario: session.scenario,
    createdAt: session.createdAt,
    expiresAt: session.expiresAt,
    deleted: session.deleted,
    devices: session.devices,
    history: session.history,
    pictures: Object.fromEntries(painted),
  });
}
