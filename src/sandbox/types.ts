/**
 * The words the parts of the stand-in share: what it is started with, what can be switched while it runs, and the record
 * it keeps of a hosted session. All of it lives in memory and ends with the process.
 */
import type { OtherApplication } from './applications.ts';
import type { CaptureFacts } from './devices.ts';
import type { Picture } from './pictures.ts';

export type JsonObject = Record<string, unknown>;

/** What a workflow holds: document, selfie and match; or a selfie and match with one of two liveness methods. */
export type WorkflowKind = 'enrol' | 'passive' | 'active';

export interface SandboxOptions {
  /** 0, the default, takes any free port. Only loopback is ever bound. */
  readonly port?: number;
  /** Host name in the addresses handed out; `localhost` or `127.0.0.1`. */
  readonly host?: string;
  readonly apiKey: string;
  /** The first one signs. */
  readonly webhookSecrets: readonly string[];
  /** Where deliveries go; settable later by `configure`. Without one, none is sent. */
  readonly webhookUrl?: string;
  /** Default `sandbox`. */
  readonly environment?: 'live' | 'sandbox';
  readonly workflows: Readonly<Record<WorkflowKind, string>>;
  /** Epoch seconds. */
  readonly now?: () => number;
  readonly applicationId?: string;
  /** Customers beside ours, to share sessions with; default one called `partner`, with a key and workflows made up. */
  readonly otherApplications?: readonly OtherApplication[];
  /** Anything of Settings that shall differ from the start. */
  readonly settings?: Partial<Settings>;
}

/** How the stand-in sends the delivery of a settled session. */
export type WebhookMode =
  | 'normal'
  | 'lost'
  | 'late'
  | 'duplicate'
  | 'reversed'
  | 'stale'
  | 'badly_signed'
  | 'without_decision';

export const WEBHOOK_MODES: readonly WebhookMode[] = [
  'normal',
  'lost',
  'late',
  'duplicate',
  'reversed',
  'stale',
  'badly_signed',
  'without_decision',
];

/** Limits per sliding 60 seconds; a missing one is not enforced. */
export interface RateLimits {
  readonly create?: number;
  readonly decision?: number;
  readonly get?: number;
  readonly write?: number;
  /** Creates per 24 hours; its 429 has no rate headers. */
  readonly createsPerDay?: number;
}

/** Everything that may be switched while it runs, by `configure` or `PATCH /_control/settings`. */
export interface Settings {
  webhookUrl: string | null;
  webhookMode: WebhookMode;
  /** Waits before each retry of a 5xx, 404 or timed-out delivery; documented are [60000, 240000]. */
  retryDelaysMs: readonly number[];
  /** Signs from now on; the first of `webhookSecrets` until changed. */
  webhookSecret: string;
  /** `seed` names the hosted address `session_url` in the 201, `null` leaves it null (a key without the scope). */
  createShape: 'docs' | 'seed' | 'null';
  decisionShape: 'v3' | 'v2' | 'seed' | 'blog';
  /** The list of sessions under `results` with its paging, or the list alone: which one it is was not found. */
  listShape: 'paged' | 'bare';
  /** `metadata` as sent, or as the older pages have it, a JSON string. */
  metadataShape: 'as_sent' | 'string';
  /** No portrait and no stored face: refuse (newest rule), or run liveness alone (older rule). */
  missingPortrait: 'refuse' | 'liveness_only';
  /** Off: as if the workflow were changed all the time; sessions of an older version are never handed out again. */
  reuseUnfinished: boolean;
  portraitMaxBytes: number;
  portraitFormats: readonly string[];
  /** Off by default, since whether unknown keys are refused is not documented. */
  refuseWorkflowType: boolean;
  wrongKeyStatus: 401 | 403;
  deleteStatus: 200 | 204;
  /** Importing what was deleted since it was shared: works (the token is not revoked), or is one of the documented 404. */
  sharedSourceDeleted: 'imported' | 'not_found';
  rateLimits: RateLimits;
  /** `X-RateLimit-*` on every answer (seeds) instead of only with a 429. */
  rateHeadersAlways: boolean;
  sessionLifeSeconds: number;
  mediaLifeSeconds: number;
  /** What happens first when the hosted page ends. */
  redirectOrder: 'webhook_first' | 'redirect_first';
  /** How a callback with a query of its own gets the two parameters. */
  callbackJoin: 'merge' | 'second_question_mark';
  callbackSpace: 'percent' | 'plus';
  /** The hosted page settles as soon as it is opened, with this scenario: for load and smoke tests. */
  autoOutcome: string | null;
  /** Seconds between Approved and Declined in the scenario `approve_late_flip`. */
  flipAfterMs: number;
}

/** A hosted session as kept here. */
export interface StoredSession {
  readonly id: string;
  /** Whose it is: invisible to every other application. */
  readonly applicationId: string;
  /** The session this is a copy of, when it was imported. */
  sharedFrom: string | null;
  readonly number: number;
  readonly token: string;
  readonly url: string;
  readonly workflowId: string;
  readonly workflowVersion: number;
  readonly kind: WorkflowKind;
  readonly vendorData: string | null;
  readonly createdAt: number;
  readonly language: string | null;
  readonly expectedDetails: JsonObject | null;
  readonly contactDetails: JsonObject | null;
  readonly callbackMethod: 'initiator' | 'completer' | 'both';
  /** The face to compare with: sent with the create, or found stored under `vendor_data`. */
  readonly reference: { readonly picture: Picture; readonly sessionId: string | null } | null;
  readonly portraitSent: { readonly bytes: number; readonly sha256: string } | null;
  callback: string | null;
  metadata: unknown;
  status: string;
  expiresAt: number;
  /** Armed at create or by the arm endpoint. */
  scenario: string | null;
  /** Browsers that opened the hosted page, first one first. */
  readonly devices: CaptureFacts[];
  /** The browser that ended the capture, when it was done on the hosted page. */
  completedBy: string | null;
  /** Result lists of the decision, null until the feature ran. */
  results: JsonObject;
  /** What the decision and the delivery say instead of the truth. */
  overrides: JsonObject;
  readonly removed: Set<string>;
  mutate: ((decision: JsonObject) => JsonObject) | null;
  readonly pictures: Map<string, Picture | null>;
  resubmitInfo: JsonObject | null;
  readonly history: { at: number; status: string; by: string }[];
  readonly reviews: JsonObject[];
  deleted: boolean;
}

/** What a receiver answered to one delivery; status 0 when there was no answer. */
export interface Delivery {
  readonly at: number;
  readonly sessionId: string | null;
  readonly eventId: string | null;
  readonly webhookType: string;
  readonly sessionStatus: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly error: string | null;
}
