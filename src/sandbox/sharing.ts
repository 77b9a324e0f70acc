/** Another customer shares a session with us, in one step: what a test of "verified elsewhere" begins with. */
import type { Application } from './applications.ts';
import type { Engine } from './engine.ts';
import { plainRequest } from './new-session.ts';
import type { SettleOptions } from './outcomes.ts';
import { SHARE_TTL, SHAREABLE } from './shares.ts';
import type { StoredSession } from './types.ts';

export interface ShareOptions {
  /** A finished session to share; default: a new one with document and selfie, ended at once. */
  readonly sessionId?: string;
  /** Name or id of the application that makes the new session; default the first that is not ours. */
  readonly from?: string;
  /** Name or id of who may import it; default ours, or the first other one when the session is ours. */
  readonly to?: string;
  /** How the new session ends; default `approve`. */
  readonly scenario?: string;
  readonly settle?: SettleOptions;
  /** What the sender calls the person, which also decides who is invented; default `at-<name of the application>`. */
  readonly vendorData?: string;
  /** 60 to 86400, default 3600. */
  readonly ttlSeconds?: number;
}

export interface Shared {
  readonly shareToken: string;
  /** The sender's session. */
  readonly sessionId: string;
}

/** @throws Error for what the API would refuse */
export async function share(engine: Engine, options: ShareOptions = {}): Promise<Shared> {
  const { applications, shares } = engine;
  const { ttlSeconds = SHARE_TTL.usual } = options;
  const session = options.sessionId === undefined ? await finished(engine, options) : load(engine, options.sessionId);
  if (!SHAREABLE.includes(session.status)) throw new Error(`a session that is ${session.status} cannot be shared`);
  if (ttlSeconds < SHARE_TTL.least || ttlSeconds > SHARE_TTL.most)
    throw new Error(`${ttlSeconds} s is no life of a token`);
  const receiver = options.to === undefined ? receiverOf(engine, session) : applications.load(options.to);
  if (receiver.id === session.applicationId) throw new Error('a session is not shared with its own application');
  return { shareToken: shares.issue(session, receiver, ttlSeconds), sessionId: session.id };
}

async function finished(engine: Engine, options: ShareOptions): Promise<StoredSession> {
  const { applications, sessions, outcomes } = engine;
  const sender = options.from === undefined ? firstOther(engine) : applications.load(options.from);
  const vendorData = options.vendorData ?? `at-${sender.name}`;
  const session = sessions.create(plainRequest(sender.workflows.enrol, vendorData), sender);
  await outcomes.settle(session, options.scenario ?? 'approve', options.settle);
  return session;
}

function receiverOf(engine: Engine, session: StoredSession): Application {
  const { own } = engine.applications;
  return session.applicationId === own.id ? firstOther(engine) : own;
}

function firstOther({ applications }: Engine): Application {
  const [, other] = applications.all;
  if (other === undefined) throw new Error('the stand-in was started without another application');
  return other;
}

function load({ sessions }: Engine, id: string): StoredSession {
  const session = sessions.find(id);
  if (session === undefined) throw new Error(`the stand-in has no session ${id}`);
  return session;
}
