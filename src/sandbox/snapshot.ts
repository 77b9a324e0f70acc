/** A session as tests and the control routes see it: plain JSON, without the pictures themselves. */
import { callbackAddress } from './callback.ts';
import type { CaptureFacts } from './devices.ts';
import { sha256 } from './pictures.ts';
import type { Settings, StoredSession } from './types.ts';

/** A session as it is now; plain JSON, safe to keep. */
export interface SessionSnapshot {
  readonly id: string;
  /** The id of the application it belongs to. */
  readonly applicationId: string;
  /** The session it is a copy of, when it was imported. */
  readonly sharedFrom: string | null;
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

export function snapshot(session: StoredSession, settings: Settings): SessionSnapshot {
  const painted = [...session.pictures].flatMap(([name, picture]) =>
    picture === null ? [] : [[name, sha256(picture.bytes)] as const],
  );
  return structuredClone({
    id: session.id,
    applicationId: session.applicationId,
    sharedFrom: session.sharedFrom,
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
