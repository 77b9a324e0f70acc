/**
 * Ending a hosted session: from a scenario and its options to a stored outcome, and then to the delivery that tells of
 * it. Used by the hosted page, the control routes and tests alike.
 */
import { iso } from './decisions.ts';
import type { WebhookOverrides } from './delivery.ts';
import { CAPTURE_PRESETS, type CaptureFacts, describeBrowser } from './devices.ts';
import type { Draft, Scenario } from './draft.ts';
import { asFunction, type Mutation } from './mutations.ts';
import { makePerson, type Person } from './people.ts';
import { makePicture, makeVideo, type PictureStyle } from './pictures.ts';
import { approvedResults } from './results.ts';
import { findScenario } from './scenarios.ts';
import type { Sessions } from './sessions.ts';
import type { Delivery, JsonObject, Settings, StoredSession, WebhookMode } from './types.ts';
import type { Webhooks } from './webhooks.ts';

export interface SettleOptions {
  /** A mode, `false` for none at all, or the full freedom of one delivery. Default: the scenario's, else the setting's. */
  readonly webhook?: WebhookMode | false | WebhookOverrides;
  /** Changes the v3 decision wherever it is read, API and delivery alike. */
  readonly mutate?: Mutation;
  /** A seed for an invented person, or fields that differ from the default one. */
  readonly person?: string | Partial<Person>;
  /** A preset's name, facts that differ, or null for no analysis. Default: the browsers that opened the page, if any. */
  readonly capture?: string | Partial<CaptureFacts> | null;
  /** 0 to 100 */
  readonly scores?: { readonly liveness?: number; readonly faceMatch?: number };
  /** One style for the selfie and the document's portrait, or one each. */
  readonly picture?: PictureStyle | { readonly selfie?: PictureStyle; readonly portrait?: PictureStyle };
}

export type Outcomes = ReturnType<typeof createOutcomes>;

export function createOutcomes(parts: {
  settings: Settings;
  sessions: Sessions;
  webhooks: Webhooks;
  now: () => number;
}) {
  const { settings, sessions, webhooks, now } = parts;
  const timers = new Set<NodeJS.Timeout>();

  /** Stores the outcome; nothing is sent. Any status may follow any other, as a reviewer can do that too. */
  function decide(session: StoredSession, scenario: Scenario, options: SettleOptions = {}): void {
    const draft = draftFor(session, options);
    scenario.change(draft);
    session.results = draft.results;
    session.overrides = draft.overrides;
    session.removed.clear();
    for (const name of draft.removed) session.removed.add(name);
    session.resubmitInfo = draft.resubmitInfo;
    session.mutate = options.mutate === undefined ? null : asFunction(options.mutate);
    paint(session, options.picture ?? 'jpeg');
    session.completedBy ??= session.devices.at(-1)?.device ?? null;
    sessions.move(session, draft.status, 'vendor');
    if (draft.status === 'Approved' && livenessApproved(draft.results)) sessions.keepFace(session);
  }

  function draftFor(session: StoredSession, options: SettleOptions): Draft {
    const seed = session.vendorData ?? session.id;
    const person = typeof options.person === 'string' ? makePerson(options.person) : makePerson(seed, options.person);
    const results = approvedResults(session, {
      person,
      captures: capturesOf(session, options.capture),
      livenessScore: options.scores?.liveness ?? 96.5,
      matchScore: options.scores?.faceMatch ?? 95.26,
      today: iso(now()).slice(0, 10),
    });
    return { status: 'Approved', results, overrides: {}, removed: new Set(), resubmitInfo: null };
  }

  /** New pictures for this outcome; a dead or absent one is null. */
  function paint(session: StoredSession, picture: NonNullable<SettleOptions['picture']>): void {
    const styles = typeof picture === 'string' ? { selfie: picture, portrait: picture } : picture;
    const put = (name: string, style: PictureStyle = 'jpeg'): void => {
      if (style === 'null') replaceEverywhere(session.results, `media:${name}`, null);
      session.pictures.set(name, makePicture(style, `${session.id} ${name}`));
    };
    put('selfie', styles.selfie);
    put('portrait', styles.portrait);
    put('front');
    session.pictures.set('reference', session.reference?.picture ?? null);
    session.pictures.set('video', makeVideo(session.id));
  }

  /** Tells the receiver, in the way the options, the scenario or the settings want it. */
  function announce(session: StoredSession, scenario: Scenario, options: SettleOptions = {}): Promise<Delivery[]> {
    if (options.webhook === false) return Promise.resolve([]);
    if (typeof options.webhook === 'object') return webhooks.announce(session, 'normal', options.webhook);
    const mode = options.webhook ?? scenario.webhook ?? settings.webhookMode;
    if (scenario.slug === 'approve_late_flip') flipLater(session);
    return webhooks.announce(session, mode);
  }

  function flipLater(session: StoredSession): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (session.deleted || session.status !== 'Approved') return;
      sessions.move(session, 'Declined', 'reviewer');
      void webhooks.announce(session, 'normal');
    }, settings.flipAfterMs);
    timers.add(timer);
  }

  return {
    decide,
    announce,
    /** Both in one: decides, sends, and resolves with the receiver's answers. */
    settle(session: StoredSession, slug: string, options: SettleOptions = {}): Promise<Delivery[]> {
      const scenario = findScenario(slug);
      if (scenario === undefined) throw new Error(`no scenario is called ${slug}`);
      decide(session, scenario, options);
      return announce(session, scenario, options);
    },
    /** Notes who opened the page, and announces In Progress when that was news. */
    open(session: StoredSession, device: CaptureFacts): Promise<Delivery[]> {
      if (!sessions.open(session, device)) return Promise.resolve([]);
      const early = settings.webhookMode === 'reversed' || settings.webhookMode === 'lost';
      return early ? Promise.resolve([]) : webhooks.send(session, { status: 'In Progress' });
    },
    stop(): void {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Which devices the analysis will show. A preset or given facts replace the last one that opened the page. */
function capturesOf(session: StoredSession, wanted: SettleOptions['capture']): readonly CaptureFacts[] {
  if (wanted === null) return [];
  const facts = typeof wanted === 'string' ? CAPTURE_PRESETS[wanted]?.facts : (wanted ?? {});
  if (facts === undefined) throw new Error(`no capture is called ${String(wanted)}`);
  if (facts === null) return [];
  if (Object.keys(facts).length === 0) return session.devices;
  const base = session.devices.at(-1) ?? describeBrowser('given', '127.0.0.1', '');
  const capturing = { ...base, ...facts };
  // A capture on another device leaves the one that opened the page in the analysis: a hand-off yields two.
  return capturing.device === base.device ? [capturing] : [...session.devices, capturing];
}

function livenessApproved(results: JsonObject): boolean {
  const checks = (results.liveness_checks ?? []) as JsonObject[];
  return checks.length > 0 && checks.every(({ status }) => status === 'Approved');
}

function replaceEverywhere(within: JsonObject | unknown[], from: string, to: unknown): void {
  const holder = within as JsonObject;
  for (const [name, value] of Object.entries(within)) {
    if (value === from) holder[name] = to;
    else if (typeof value === 'object' && value !== null) replaceEverywhere(value as JsonObject, from, to);
  }
}
