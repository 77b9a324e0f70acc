/**
 * How a session may end: the vendor's documented scenario slugs, and our own for what no slug exists. A scenario is a
 * name and a change to an approved draft, so that what it does can be read in one line.
 */
import { randomUUID } from 'node:crypto';
import { noResults, warning } from './results.ts';
import type { JsonObject, WebhookMode } from './types.ts';

/** An outcome in the making: what the decision will say, and where it will lie. */
export interface Draft {
  status: string;
  results: JsonObject;
  /** Top-level fields of decision and delivery that say something else than the truth. */
  readonly overrides: JsonObject;
  /** Top-level fields that are left out. */
  readonly removed: Set<string>;
  resubmitInfo: JsonObject | null;
}

export interface Scenario {
  readonly slug: string;
  readonly title: string;
  /** `documented` slugs may be sent at create and armed as at the vendor; the others are ours and may be too. */
  readonly group: 'documented' | 'outcome' | 'flawed' | 'delivery';
  readonly webhook?: WebhookMode;
  readonly change: (draft: Draft) => void;
}

/** Finds a scenario by slug. */
export function findScenario(slug: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.slug === slug);
}

/** A document scenario; the risk's name is ours, as the vendor's was not found. */
function documentDeclined(slug: string, title: string): Scenario {
  const change = (draft: Draft): void => {
    draft.status = 'Declined';
    spoil(draft, 'id_verifications', 'Declined', { warning: ['ID_VERIFICATION', `STAND_IN_${slug.toUpperCase()}`] });
    if (draft.results.id_verifications !== null) {
      draft.results.liveness_checks = null;
      draft.results.face_matches = null;
    }
  };
  return { slug, title, group: 'documented', change };
}

/** An end with no finished feature. */
function ended(slug: string, status: string, title: string): Scenario {
  const change = (draft: Draft): void => {
    draft.status = status;
    draft.results = noResults();
  };
  return { slug, title, group: 'outcome', change };
}

/** An Approved that must not be believed. */
function flawed(slug: string, title: string, change: (draft: Draft) => void): Scenario {
  return { slug, title, group: 'flawed', change };
}

/** An Approved that arrives in an unusual way. */
function delivered(slug: string, title: string, webhook: WebhookMode): Scenario {
  return { slug, title, group: 'delivery', webhook, change: () => {} };
}

interface Spoiling {
  readonly warning?: readonly [feature: string, risk: string];
  readonly set?: JsonObject;
}

/** Gives a list's items another status, and a warning or other fields. Lists that did not run stay null. */
function spoil(draft: Draft, list: string, status: string, { warning: named, set }: Spoiling = {}): void {
  const items = draft.results[list] as JsonObject[] | null;
  const level = status === 'Declined' ? 'error' : status === 'In Review' ? 'warning' : 'information';
  for (const item of items ?? []) {
    item.status = status;
    if (named !== undefined) item.warnings = [warning(named[0], named[1], level)];
    Object.assign(item, set);
  }
}

const DOCUMENTED: readonly Scenario[] = [
  { slug: 'approve', title: 'Approved', group: 'documented', change: () => {} },
  {
    slug: 'decline_liveness_attack',
    title: 'Declined: not a living face',
    group: 'documented',
    change: (draft) => {
      draft.status = 'Declined';
      spoil(draft, 'liveness_checks', 'Declined', {
        warning: ['LIVENESS', 'LIVENESS_FACE_ATTACK'],
        set: { score: 4.2 },
      });
      draft.results.face_matches = null;
    },
  },
  {
    slug: 'decline_face_match_low_similarity',
    title: 'Declined: another face',
    group: 'documented',
    change: (draft) => {
      draft.status = 'Declined';
      const named = ['FACEMATCH', 'LOW_FACE_MATCH_SIMILARITY'] as const;
      spoil(draft, 'face_matches', 'Declined', { warning: named, set: { score: 21.37 } });
    },
  },
  {
    slug: 'review_face_match_borderline',
    title: 'In Review: the faces are hardly alike',
    group: 'documented',
    change: (draft) => {
      draft.status = 'In Review';
      const named = ['FACEMATCH', 'LOW_FACE_MATCH_SIMILARITY'] as const;
      spoil(draft, 'face_matches', 'In Review', { warning: named, set: { score: 61.5 } });
    },
  },
  {
    slug: 'decline_ip_blocklist',
    title: 'Declined: address on a blocklist',
    group: 'documented',
    change: (draft) => {
      draft.status = 'Declined';
      const matches = [{ match_type: 'ip_address', is_blocklisted: true }];
      spoil(draft, 'ip_analyses', 'Declined', { warning: ['LOCATION', 'STAND_IN_IP_BLOCKLIST'], set: { matches } });
    },
  },
  {
    slug: 'decline_minimum_age',
    title: 'Declined: too young',
    group: 'documented',
    change: (draft) => {
      draft.status = 'Declined';
      spoil(draft, 'liveness_checks', 'Declined', {
        warning: ['LIVENESS', 'AGE_BELOW_MINIMUM'],
        set: { age_estimation: 12.4 },
      });
    },
  },
  documentDeclined('decline_could_not_recognize_document', 'Declined: document not recognised'),
  documentDeclined('decline_document_expired', 'Declined: document expired'),
  documentDeclined('decline_mrz_validation', 'Declined: machine-readable zone wrong'),
  documentDeclined('decline_nfc_chip_not_verified', 'Declined: chip not verified'),
  documentDeclined('decline_database_no_match', 'Declined: not in the register'),
];

const OUTCOMES: readonly Scenario[] = [
  ended('abandon', 'Abandoned', 'Abandoned: opened, not finished in time'),
  ended('expire', 'Expired', 'Expired: the link ran out'),
  ended('not_finished', 'Not Finished', 'Not Finished: left half-way'),
  ended('in_progress', 'In Progress', 'In Progress: still being analysed'),
  ended('awaiting_user', 'Awaiting User', 'Awaiting User: waits for another party'),
  {
    slug: 'resubmit',
    title: 'Resubmitted: take the selfie again',
    group: 'outcome',
    change: (draft) => {
      draft.status = 'Resubmitted';
      spoil(draft, 'liveness_checks', 'Resub Requested');
      draft.results.face_matches = null;
      draft.resubmitInfo = resubmitOf('feature_liveness', 'LIVENESS', 'The selfie was too dark.');
    },
  },
  {
    slug: 'kyc_expired',
    title: 'Kyc Expired: the document check ran out',
    group: 'outcome',
    change: (draft) => {
      draft.status = 'Kyc Expired';
    },
  },
  {
    slug: 'in_review',
    title: 'In Review: a person will look',
    group: 'outcome',
    change: (draft) => {
      draft.status = 'In Review';
    },
  },
  ended('unknown_status', 'Quarantined', 'A status nobody has heard of'),
  {
    slug: 'translated_status',
    title: 'A translated status',
    group: 'outcome',
    change: (draft) => {
      draft.status = '承認済み';
    },
  },
];

const FLAWED: readonly Scenario[] = [
  flawed('approve_without_face_match', 'no face match ran', (draft) => {
    draft.results.face_matches = null;
  }),
  flawed('approve_empty_face_match', 'empty list of face matches', (draft) => {
    draft.results.face_matches = [];
  }),
  flawed('approve_face_match_declined', 'face match Declined', (draft) => {
    spoil(draft, 'face_matches', 'Declined', { set: { score: 18.2 } });
  }),
  flawed('approve_face_match_in_review', 'face match In Review', (draft) => {
    spoil(draft, 'face_matches', 'In Review', { set: { score: 63.1 } });
  }),
  flawed('approve_face_match_not_finished', 'face match Not Finished', (draft) => {
    spoil(draft, 'face_matches', 'Not Finished', { set: { score: null } });
  }),
  flawed('approve_without_liveness', 'no liveness check ran', (draft) => {
    draft.results.liveness_checks = null;
  }),
  flawed('approve_liveness_declined', 'liveness Declined', (draft) => {
    spoil(draft, 'liveness_checks', 'Declined', { set: { score: 12.5 } });
  }),
  flawed('approve_liveness_in_review', 'liveness In Review', (draft) => {
    spoil(draft, 'liveness_checks', 'In Review', { set: { score: 58.9 } });
  }),
  flawed('approve_passive', 'liveness was PASSIVE, whatever was asked', (draft) => {
    spoil(draft, 'liveness_checks', 'Approved', { set: { method: 'PASSIVE', video_url: null } });
  }),
  flawed('approve_flashing', 'liveness was FLASHING', (draft) => {
    spoil(draft, 'liveness_checks', 'Approved', { set: { method: 'FLASHING' } });
  }),
  flawed('approve_unknown_method', 'a liveness method nobody has heard of', (draft) => {
    spoil(draft, 'liveness_checks', 'Approved', { set: { method: 'TELEPATHY' } });
  }),
  flawed('approve_lowercase_method', 'the method in lower case', (draft) => {
    for (const item of (draft.results.liveness_checks ?? []) as JsonObject[]) {
      item.method = String(item.method).toLowerCase();
    }
  }),
  flawed('approve_other_vendor_data', 'for another user', (draft) => {
    draft.overrides.vendor_data = 'somebody-else';
  }),
  flawed('approve_without_vendor_data', 'for no user', (draft) => {
    draft.overrides.vendor_data = null;
  }),
  flawed('approve_other_workflow', 'of another workflow', (draft) => {
    draft.overrides.workflow_id = randomUUID();
  }),
  flawed('approve_other_environment', 'of the other environment', (draft) => {
    draft.overrides.environment = 'other';
  }),
  flawed('approve_without_environment', 'names no environment', (draft) => {
    draft.removed.add('environment');
  }),
  flawed('approve_other_session', 'the decision names another session', (draft) => {
    draft.overrides.session_id = randomUUID();
  }),
  flawed('approve_without_document', 'no document check ran', (draft) => {
    draft.results.id_verifications = null;
  }),
  flawed('approve_document_declined', 'document Declined', (draft) => {
    spoil(draft, 'id_verifications', 'Declined');
  }),
  flawed('approve_face_in_blocklist', 'warning FACE_IN_BLOCKLIST', (draft) => {
    spoil(draft, 'liveness_checks', 'Approved', { warning: ['LIVENESS', 'FACE_IN_BLOCKLIST'] });
  }),
  flawed('approve_duplicated_face', 'warning DUPLICATED_FACE', (draft) => {
    spoil(draft, 'liveness_checks', 'Approved', { warning: ['LIVENESS', 'DUPLICATED_FACE'] });
  }),
  flawed('approve_low_scores', 'scores hardly above the thresholds', (draft) => {
    spoil(draft, 'liveness_checks', 'Approved', { set: { score: 51 } });
    spoil(draft, 'face_matches', 'Approved', { set: { score: 41 } });
  }),
  flawed('approve_without_analysis', 'no device and IP analysis', (draft) => {
    draft.results.ip_analyses = null;
  }),
];

const DELIVERIES: readonly Scenario[] = [
  delivered('approve_webhook_lost', 'webhook lost', 'lost'),
  delivered('approve_webhook_late', 'webhook held until released', 'late'),
  delivered('approve_webhook_duplicate', 'webhook sent twice', 'duplicate'),
  delivered('approve_webhook_reversed', 'Approved before In Progress', 'reversed'),
  delivered('approve_webhook_stale', 'webhook ten minutes old', 'stale'),
  delivered('approve_webhook_badly_signed', 'webhook badly signed', 'badly_signed'),
  delivered('approve_webhook_without_decision', 'webhook without a decision', 'without_decision'),
  { slug: 'approve_late_flip', title: 'Declined some seconds later', group: 'delivery', change: () => {} },
];

/** Every scenario, documented ones first. */
export const SCENARIOS: readonly Scenario[] = [...DOCUMENTED, ...OUTCOMES, ...FLAWED, ...DELIVERIES];

/** What a Resubmitted delivery carries. */
export function resubmitOf(nodeId: string, feature: string, reason: string): JsonObject {
  return { nodes_to_resubmit: [{ node_id: nodeId, feature }], reasons: { [nodeId]: reason } };
}
