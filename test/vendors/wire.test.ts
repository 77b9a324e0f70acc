// From every documented shape of a decision to a verdict, and from every broken one to no success (T9, T10).

import { describe, expect, test } from '@jest/globals';
import type { Verdict } from '../../src/core/verdict-types.ts';
import { readJson } from '../../src/vendors/didit/canonical.ts';
import type { JsonObject } from '../../src/vendors/didit/json.ts';
import { isSessionId, readStatus, verdictOfDecision, verdictOfDelivery } from '../../src/vendors/didit/wire.ts';
import { decision, event, NOW, SESSION } from './deliveries.ts';

function json(value: unknown): JsonObject {
  const reading = readJson(JSON.stringify(value));
  if (!reading.ok) throw new Error(reading.fault);
  return reading.value as JsonObject;
}

function asked(changes: Readonly<Record<string, unknown>> = {}): Verdict {
  const verdict = verdictOfDecision(json(decision(changes)), SESSION, NOW);
  if (verdict === undefined) throw new Error('out of contract');
  return verdict;
}

function told(changes: Readonly<Record<string, unknown>> = {}): Verdict {
  return verdictOfDelivery(json(event(changes)), SESSION, NOW);
}

/** What a login asks of a verdict besides its names. */
function passes({ status, liveness, faceMatches, documents, subject, complete }: Verdict): boolean {
  const fine = (checks: readonly { status: string }[]) => checks.every((check) => check.status === 'approved');
  const ran = liveness.length > 0 && faceMatches.length > 0;
  return (
    status === 'approved' && subject !== null && complete && ran && fine([...liveness, ...faceMatches, ...documents])
  );
}

describe('statuses', () => {
  test.each([
    ['Not Started', 'not-started'],
    ['In Progress', 'in-progress'],
    ['Awaiting User', 'awaiting-user'],
    ['Resubmitted', 'resubmitted'],
    ['Approved', 'approved'],
    ['Declined', 'declined'],
    ['In Review', 'in-review'],
    ['Expired', 'expired'],
    ['Abandoned', 'abandoned'],
    ['Not Finished', 'not-finished'],
    ['Kyc Expired', 'kyc-expired'],
  ])('%s is %s', (word, status) => {
    expect(asked({ status: word }).status).toBe(status);
  });

  test.each([
    'approved',
    'APPROVED',
    'Approved ',
    '承認済み',
    'Disetujui',
    'In review',
    '',
    'constructor',
    '__proto__',
  ])('%j is unknown', (word) => {
    expect(readStatus(word)).toBe('unknown');
    expect(told({ status: word, decision: decision({ status: word }) }).status).toBe('unknown');
  });

  test.each([null, 1, true, ['Approved'], {}])('%j is unknown', (word) => {
    expect(readStatus(json({ word }).word)).toBe('unknown');
  });
});

describe('shapes', () => {
  const wanted = {
    liveness: [{ status: 'approved', method: 'passive', score: 96 }],
    faceMatches: [{ status: 'approved', score: 96 }],
  };
  const liveness = { status: 'Approved', method: 'PASSIVE', score: 96 };
  const none = { liveness_checks: null, face_matches: undefined };

  test.each([
    ['plural lists', { liveness_checks: [liveness], face_matches: [{ status: 'Approved', score: 96 }] }],
    ['the announcement', { ...none, liveness, face: { status: 'Approved', similarity_score: 0.96 } }],
    ['the other announcement', { ...none, liveness, face_match: { status: 'Approved', similarity_score: 0.96 } }],
    ['version 2', { ...none, liveness, face_match: { status: 'Approved', score: 96 } }],
  ])('%s', (_name, changes) => {
    expect(asked(changes)).toMatchObject(wanted);
    expect(passes(asked(changes))).toBe(true);
  });

  test('the short body of the announcement, without a decision around it', () => {
    const body = {
      session_id: SESSION,
      vendor_data: 'u',
      status: 'Approved',
      liveness,
      face: { status: 'Approved', similarity_score: 0.96 },
    };
    const verdict = verdictOfDelivery(json(body), SESSION, NOW);
    expect(verdict).toMatchObject({ ...wanted, subject: 'u', workflowId: null, environment: null, complete: true });
  });

  test('documents: plural, singular, the oldest name, and a chip beside them', () => {
    const item = { status: 'Approved' };
    for (const name of ['id_verification', 'kyc']) {
      expect(asked({ [name]: item }).documents).toEqual([{ status: 'approved' }]);
    }
    const both = asked({ id_verifications: [item], nfc_verifications: [{ status: 'Declined' }] });
    expect(both.documents).toEqual([{ status: 'approved' }, { status: 'declined' }]);
    expect(passes(both)).toBe(false);
  });

  test('a feature that did not run gives nothing', () => {
    expect(asked({ face_matches: null })).toMatchObject({ faceMatches: [], documents: [], analyses: [], warnings: [] });
    expect(passes(asked({ face_matches: null }))).toBe(false);
    expect(passes(asked({ face_matches: [] }))).toBe(false);
    expect(passes(asked({ liveness_checks: null }))).toBe(false);
  });
});

describe('several items of one feature', () => {
  const item = (node_id: string | undefined, status: string) => ({ node_id, status, score: 90 });
  const statuses = (list: unknown) => asked({ face_matches: list }).faceMatches.map((check) => check.status);

  test('of one node the last that was finished counts', () => {
    expect(statuses([item('a', 'Declined'), item('a', 'Approved')])).toEqual(['approved']);
    expect(statuses([item('a', 'Approved'), item('a', 'Declined')])).toEqual(['declined']);
    expect(statuses([item('a', 'Approved'), item('a', 'Not Finished')])).toEqual(['approved']);
  });

  test('of several nodes each one that ran counts', () => {
    expect(statuses([item('a', 'Approved'), item('b', 'In Review')])).toEqual(['approved', 'in-review']);
    expect(statuses([item('a', 'Approved'), item('b', 'Not Finished')])).toEqual(['approved']);
  });

  test('without a node each stands for itself', () => {
    expect(statuses([item(undefined, 'Declined'), item(undefined, 'Approved')])).toEqual(['declined', 'approved']);
  });

  test('where none was finished that is told', () => {
    expect(statuses([item('a', 'Not Finished'), item('b', 'Not Finished')])).toEqual(['not-finished']);
  });
});

describe('liveness methods', () => {
  test.each([
    ['PASSIVE', 'passive'],
    ['passive', 'passive'],
    ['FLASHING', 'flashing'],
    ['ACTIVE_3D', 'active-3d'],
    ['active_3d', 'active-3d'],
    ['Active', 'active-3d'],
    ['3D', 'unknown'],
    ['', 'unknown'],
    ['constructor', 'unknown'],
    [null, 'unknown'],
    [['ACTIVE_3D'], 'unknown'],
  ])('%j is %s', (method, wanted) => {
    expect(asked({ liveness_checks: [{ status: 'Approved', method }] }).liveness).toEqual([
      { status: 'approved', method: wanted },
    ]);
  });
});

describe('scores', () => {
  const face = (fields: object) => asked({ face_matches: [{ status: 'Approved', ...fields }] }).faceMatches[0];

  test.each([
    [{ score: 95.26 }, 95.26],
    [{ score: 1 }, 1],
    [{ score: 0.96 }, 0.96],
    [{ score: 100 }, 100],
    [{ similarity_score: 0.96 }, 96],
    [{ similarity_score: 0.29 }, 29],
    [{ similarity_score: 1 }, 100],
    [{ similarity_score: 0 }, 0],
    [{ score: 80, similarity_score: 0.96 }, 80],
    [{ score: null, similarity_score: null }, undefined],
    [{}, undefined],
  ])('%j is %s', (fields, score) => {
    expect(face(fields)).toEqual({ status: 'approved', ...(score === undefined ? {} : { score }) });
  });

  test.each([
    { similarity_score: 1.01 },
    { similarity_score: 96 },
    { similarity_score: -0.1 },
    { score: 101 },
    { score: -1 },
    { score: '95' },
    { score: true },
    { score: [95] },
  ])('%j is malformed', (fields) => {
    expect(face(fields)).toEqual({ status: 'unknown' });
  });

  test('a malformed liveness score spoils the check', () => {
    const checks = [{ status: 'Approved', method: 'PASSIVE', score: 9650 }];
    expect(asked({ liveness_checks: checks }).liveness).toEqual([{ status: 'unknown', method: 'passive' }]);
  });
});

describe('out of contract', () => {
  const broken = [
    { 0: { status: 'Approved' } },
    'Approved',
    1,
    true,
    [null],
    ['Approved'],
    [[]],
    [{}],
    [{ status: null }],
  ];

  test.each(broken)('a list that is %j never passes', (value) => {
    for (const name of ['liveness_checks', 'face_matches', 'id_verifications', 'nfc_verifications']) {
      expect(passes(asked({ [name]: value }))).toBe(false);
    }
  });

  test.each([[[]], 'Approved', 1])('a singular that is %j never passes', (value) => {
    expect(passes(asked({ liveness_checks: null, liveness: value }))).toBe(false);
    expect(passes(asked({ face_matches: null, face: value }))).toBe(false);
  });

  test.each(['approved', 'Expired', '承認', 'toString', ['Approved']])(
    'a feature status of %j is unknown',
    (status) => {
      expect(asked({ face_matches: [{ status }] }).faceMatches).toEqual([{ status: 'unknown' }]);
    },
  );

  test.each([{}, 'NONE', [null], ['TEXT'], [{ risk: 5 }], [{ log_type: 'error' }], [{ risk: 'a b' }]])(
    'warnings that are %j spoil their check',
    (warnings) => {
      expect(asked({ face_matches: [{ status: 'Approved', warnings }] }).faceMatches).toEqual([{ status: 'unknown' }]);
    },
  );

  test.each([
    null,
    'x',
    1,
    [],
    [decision()],
    {},
    decision({ session_id: SESSION.replace('1', '9') }),
    decision({ status: 5 }),
  ])('an answer that is %j is no decision about it: %#', (answer) => {
    expect(verdictOfDecision(json({ answer }).answer, SESSION, NOW)).toBeUndefined();
  });

  test('names that are no text are nobody', () => {
    const verdict = asked({ vendor_data: 42, workflow_id: {}, environment: 1 });
    expect(verdict).toMatchObject({ subject: null, workflowId: 'malformed', environment: 'malformed' });
    expect(asked({ vendor_data: null, workflow_id: null, environment: undefined })).toMatchObject({
      subject: null,
      workflowId: 'none',
      environment: null,
    });
  });
});

describe('envelope and decision', () => {
  test.each([
    ['session', { session_id: SESSION.replace('1', '2') }],
    ['status', { status: 'Declined' }],
    ['person', { vendor_data: 'user-43' }],
    ['person, by letter case', { vendor_data: 'User-42' }],
    ['workflow', { workflow_id: 'wf-other' }],
    ['environment', { environment: 'sandbox' }],
    ['person, by type', { vendor_data: ['user-42'] }],
  ])('a decision that names another %s proves nothing (T10)', (_what, changes) => {
    expect(told({ decision: decision(changes) })).toEqual({
      verificationId: SESSION,
      status: 'unknown',
      decidedAt: NOW,
      toldAt: NOW,
      subject: null,
      workflowId: null,
      environment: null,
      liveness: [],
      faceMatches: [],
      documents: [],
      analyses: [],
      warnings: [],
      portraitUrls: [],
      complete: false,
    });
  });

  test('an envelope that says nobody contradicts a decision that says somebody', () => {
    expect(told({ vendor_data: null }).status).toBe('unknown');
    expect(told({ status: undefined }).status).toBe('unknown');
  });

  test('a name that the decision leaves out is taken from the envelope, and the other way round', () => {
    const bare = { vendor_data: null, workflow_id: undefined, environment: undefined, status: undefined };
    const names = { subject: 'user-42', workflowId: 'wf-passive', environment: 'live', status: 'approved' };
    expect(told({ decision: decision(bare) })).toMatchObject(names);
    expect(told({ vendor_data: undefined, workflow_id: undefined, environment: undefined })).toMatchObject(names);
  });

  test.each(['x', 1, [], [decision()], true])('a decision that is %j proves nothing', (value) => {
    expect(told({ decision: value })).toMatchObject({ status: 'unknown', complete: false });
  });

  test.each([undefined, null])('without a decision (%j) only the status is told', (value) => {
    expect(told({ decision: value })).toMatchObject({ status: 'approved', liveness: [], complete: false });
    expect(told({ decision: value, status: 'In Progress' })).toMatchObject({ status: 'in-progress', complete: false });
  });

  test('an approval whose decision holds no check is incomplete; another status is not', () => {
    const empty = decision({ liveness_checks: null, face_matches: null });
    expect(told({ decision: empty }).complete).toBe(false);
    expect(told({ decision: { ...empty, status: 'Expired' }, status: 'Expired' }).complete).toBe(true);
    expect(asked({ liveness_checks: null, face_matches: null }).complete).toBe(true);
  });

  test('an approval without a face match is complete, and no success (T9)', () => {
    const verdict = told({ decision: decision({ face_matches: null }) });
    expect(verdict).toMatchObject({ complete: true, faceMatches: [] });
  });
});

describe('what else is read', () => {
  const analysis = {
    node_id: 'ip',
    status: 'Approved',
    ip_address: '203.0.113.7',
    ip_country_code: 'es',
    platform: 'mobile',
    browser_family: 'Mobile Safari',
    is_vpn_or_tor: false,
    is_data_center: false,
    time_zone_offset: 3600,
  };

  test('the analysis of every device that took part', () => {
    const wanted = {
      address: '203.0.113.7',
      country: 'ES',
      platform: 'mobile',
      browserFamily: 'Mobile Safari',
      anonymising: false,
      dataCentre: false,
    };
    const unfinished = { ...analysis, status: 'Not Finished' };
    expect(asked({ ip_analyses: [analysis, { ...analysis, platform: 'desktop' }, unfinished] }).analyses).toEqual([
      wanted,
      { ...wanted, platform: 'desktop' },
    ]);
    expect(asked({ ip_analyses: null, ip_analysis: analysis }).analyses).toEqual([wanted]);
  });

  test('a field of an analysis that is not as documented is left out, a warning flag counts as raised', () => {
    const odd = {
      ip_address: 'here',
      ip_country_code: 'ESP',
      platform: 'tv',
      browser_family: 7,
      is_vpn_or_tor: 'no',
      is_data_center: null,
    };
    expect(asked({ ip_analyses: [odd] }).analyses).toEqual([{ anonymising: true }]);
    expect(asked({ ip_analyses: 'x' }).analyses).toEqual([]);
  });

  test('the risks of every feature and every try, each once', () => {
    const warned = (risk: string, more = {}) => ({
      status: 'Approved',
      warnings: [{ risk, log_type: 'information' }],
      ...more,
    });
    const verdict = asked({
      liveness_checks: [
        warned('LIVENESS_FACE_ATTACK', { node_id: 'l' }),
        warned('LOW_LIVENESS_SCORE', { node_id: 'l' }),
      ],
      face_matches: [warned('LOW_FACE_MATCH_SIMILARITY')],
      id_verifications: [warned('DOCUMENT_EXPIRED')],
      nfc_verifications: [warned('CHIP')],
      ip_analyses: [warned('IP_BLOCKLISTED'), warned('IP_BLOCKLISTED')],
      aml_screenings: [warned('POSSIBLE_MATCH_FOUND')],
    });
    expect([...verdict.warnings].sort()).toEqual([
      'CHIP',
      'DOCUMENT_EXPIRED',
      'IP_BLOCKLISTED',
      'LIVENESS_FACE_ATTACK',
      'LOW_FACE_MATCH_SIMILARITY',
      'LOW_LIVENESS_SCORE',
      'POSSIBLE_MATCH_FOUND',
    ]);
  });

  test('pictures of the face, the selfie first; what is no web address is left out', () => {
    const documents = [{ status: 'Approved', portrait_image: 'https://m.example/id.jpg?X-Amz-Signature=1' }];
    expect(asked({ id_verifications: documents }).portraitUrls).toEqual([
      'https://m.example/l.jpg',
      'https://m.example/id.jpg?X-Amz-Signature=1',
    ]);
    for (const url of [null, '', 'file:///etc/passwd', 'javascript:1', 'data:image/jpeg;base64,', 5, 'https://']) {
      expect(asked({ liveness_checks: [{ status: 'Approved', reference_image: url }] }).portraitUrls).toEqual([]);
    }
  });

  test('the identity on an approved document, and on no other', () => {
    const document = {
      status: 'Approved',
      first_name: ' Ana ',
      last_name: 'Núñez',
      full_name: 'Ana Núñez',
      date_of_birth: '1990-02-28',
      gender: 'F',
      document_number: 'X123',
      issuing_state: 'ESP',
      nationality: 'PRT',
      address: 'not kept',
    };
    expect(asked({ id_verifications: [document] }).identity).toEqual({
      givenName: 'Ana',
      familyName: 'Núñez',
      fullName: 'Ana Núñez',
      birthDate: '1990-02-28',
      gender: 'F',
      documentNumber: 'X123',
      documentIssuer: 'ESP',
      nationality: 'PRT',
    });
    for (const nationality of [null, 'Portugal', 'PT', 'prt', 620]) {
      const { identity } = asked({ id_verifications: [{ ...document, nationality }] });
      expect([identity?.nationality, identity?.documentIssuer]).toEqual([undefined, 'ESP']);
    }
    expect(asked({ id_verifications: [{ ...document, status: 'Declined' }] })).not.toHaveProperty('identity');
    expect(
      asked({ id_verifications: [{ status: 'Approved', first_name: '', date_of_birth: '28.2.1990' }] }),
    ).not.toHaveProperty('identity');
    expect(asked({ id_verifications: null })).not.toHaveProperty('identity');
  });

  test('the steps to do again', () => {
    const nodes_to_resubmit = [{ node_id: 'l1', feature: 'LIVENESS' }, { node_id: 'x' }, 'y', { feature: '<b>' }];
    const info = { nodes_to_resubmit, reasons: { l1: 'free text' } };
    expect(told({ status: 'Resubmitted', decision: undefined, resubmit_info: info }).resubmitSteps).toEqual([
      'LIVENESS',
    ]);
    const again = [{ status: 'Resub Requested', method: 'PASSIVE' }];
    expect(asked({ status: 'Resubmitted', liveness_checks: again }).resubmitSteps).toEqual(['LIVENESS']);
    expect(told({ resubmit_info: info })).not.toHaveProperty('resubmitSteps');
  });

  test('a session id is a lower-case UUID and nothing else', () => {
    expect(isSessionId(SESSION)).toBe(true);
    for (const id of ['', 'AAAAAAAA-2222-4333-8444-555555555555', `${SESSION}\n`, `${SESSION}/../x`, null, [SESSION]]) {
      expect(isSessionId(id)).toBe(false);
    }
  });
});
