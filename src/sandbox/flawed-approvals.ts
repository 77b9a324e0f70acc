/**
 * Approvals that must not be believed: each is an Approved with one thing about it wrong, for the negative tests of
 * whoever reads verdicts.
 */
import { randomUUID } from 'node:crypto';
import { type Draft, type Scenario, spoil } from './draft.ts';
import type { JsonObject } from './types.ts';

export const FLAWED: readonly Scenario[] = [
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

function flawed(slug: string, title: string, change: (draft: Draft) => void): Scenario {
  return { slug, title, group: 'flawed', change };
}
