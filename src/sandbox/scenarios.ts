/**
 * How a session may end: the vendor's documented scenario slugs, and our own for what no slug exists.
 */
import { type Draft, type Scenario, spoil } from './draft.ts';
import { FLAWED } from './flawed-approvals.ts';
import { noResults } from './results.ts';
import type { JsonObject, WebhookMode } from './types.ts';

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

/** An Approved that arrives in an unusual way. */
function delivered(slug: string, title: string, webhook: WebhookMode): Scenario {
  return { slug, title, group: 'delivery', webhook, change: () => {} };
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
