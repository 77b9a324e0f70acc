// One or more samples of every page: what the tests of the pages render, and what a designer looks at.

import type { PageName, Pages } from '../../src/http/pages.ts';

/** The moment at which the samples are rendered. */
export const NOW = new Date('2026-11-21T14:32:10Z');

const form = { base: '/interaction/uid-1', csrf: 'csrf-1' };
const client = {
  name: 'Northwind Bank',
  logoPath: '/logos/client-1',
  startAgainUri: 'https://client.example/sign-in',
};
const origin = { browser: 'Firefox on Windows', place: '192.0.2.17', startedAt: new Date('2026-11-21T14:29:50Z') };
const qrSvg =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><rect fill="white" width="29" height="29"/><path fill="black" d="M4 4h7v7H4zM18 4h7v7h-7zM4 18h7v7H4zM14 14h3v3h-3zM19 19h2v5h-2z"/></svg>';

const begin: Pages['begin'] = {
  form,
  client,
  origin,
  identifier: { kind: 'typed', value: '' },
  askConsent: true,
  enrolmentOpen: true,
  method: 'passive',
  offerPhone: true,
  verifier: { name: 'Didit', privacyUri: 'https://vendor.example/privacy' },
};

const waiting: Pages['waiting'] = {
  form,
  client,
  state: 'settling',
  eventsUrl: '/interaction/uid-1/events',
  refreshSeconds: 5,
  canCapture: false,
  steps: [],
  numberNeeded: false,
  lapsesAt: new Date('2026-11-21T14:39:50Z'),
  showWayOut: false,
};

const number = { triesLeft: 3, kept: false };

export const samples: { readonly [N in PageName]: Readonly<Record<string, Pages[N]>> } = {
  begin: {
    new: begin,
    faulty: {
      ...begin,
      identifier: { kind: 'typed', value: 'ada@example' },
      invitation: { value: '' },
      enrolmentOpen: false,
      fault: { field: 'identifier', message: 'Write a user name or an e-mail address.' },
    },
    'no-consent': {
      ...begin,
      client: { name: 'Northwind Bank' },
      identifier: { kind: 'typed', value: 'ada' },
      offerPhone: false,
      fault: { field: 'biometric_consent', message: 'Without your agreement there can be no selfie.' },
    },
    invited: {
      ...begin,
      invitation: { value: 'inv_3sXk2' },
      fault: { field: 'invitation', message: 'This invitation has been used.' },
    },
    remembered: { ...begin, identifier: { kind: 'remembered', value: 'ada@example.org' }, askConsent: false },
    fixed: { ...begin, identifier: { kind: 'fixed', value: 'ada@example.org' }, method: 'active', offerPhone: false },
  },
  waiting: {
    settling: waiting,
    'not-started': { ...waiting, state: 'not-started', canCapture: true, number },
    phone: { ...waiting, state: 'not-started', canCapture: true, phone: { qrSvg }, number },
    'in-progress': { ...waiting, state: 'in-progress', canCapture: true, showWayOut: true, number },
    slow: { ...waiting, showWayOut: true, lapsesAt: new Date('2026-11-21T14:32:40Z') },
    review: { ...waiting, state: 'in-review' },
    resubmitted: { ...waiting, state: 'resubmitted', canCapture: true, steps: ['Liveness check', 'Face match'] },
    number: { ...waiting, canCapture: true, number, numberNeeded: true },
    'wrong-number': {
      ...waiting,
      canCapture: true,
      number: { fault: 'wrong', triesLeft: 1, kept: false },
      numberNeeded: true,
    },
    'old-number': { ...waiting, number: { fault: 'expired', triesLeft: 2, kept: false }, numberNeeded: true },
    'kept-number': { ...waiting, number: { triesLeft: 3, kept: true } },
    'kept-in-review': { ...waiting, state: 'in-review', number: { triesLeft: 3, kept: true }, numberNeeded: true },
  },
  retry: {
    declined: { form, client, kind: 'declined', triesLeft: 2, offerPhone: true },
    'not-finished': { form, client, kind: 'not-finished', triesLeft: 1, offerPhone: false },
    abandoned: { form, client, kind: 'abandoned', triesLeft: 1, offerPhone: false },
    expired: { form, client, kind: 'expired', triesLeft: 2, offerPhone: false },
    'kyc-expired': { form, client, kind: 'kyc-expired', triesLeft: 2, offerPhone: true },
    'no-portrait': { form, client, kind: 'no-portrait', triesLeft: 2, offerPhone: false },
    last: { form, client, kind: 'declined', triesLeft: 0, offerPhone: false },
  },
  phone: { facts: { action: '/phone/token-1', client, origin, identifier: 'ada@example.org' } },
  elsewhere: {
    number: {
      denyAction: '/interaction/uid-1/deny',
      token: 'token-1',
      number: '042917',
      client,
      origin,
      minutes: 5,
    },
  },
  denied: { client: { client } },
  'wrong-browser': { client: { client }, unknown: {} },
  ended: {
    finished: { reason: 'finished', client: { name: 'Northwind Bank' } },
    lapsed: { reason: 'lapsed', client, form },
    aborted: { reason: 'aborted', client },
    denied: { reason: 'denied', client, form },
    preempted: { reason: 'preempted', client },
    refused: { reason: 'refused', client: { name: 'Northwind Bank' }, form },
    'wrong-numbers': { reason: 'wrong-numbers', client, form },
    gone: { reason: 'gone' },
  },
  conflict: { held: { form, client, retryAfterSeconds: 180 } },
  limited: { hour: { form, client, retryAfterSeconds: 1500 } },
  'vendor-down': { soon: { form, client, retryAfterSeconds: 20 } },
  'enrolment-refused': {
    closed: { form, client, reason: 'closed' },
    invitation: { form, client, reason: 'invitation' },
  },
  consent: {
    three: {
      form,
      client,
      identifier: 'ada@example.org',
      grants: ['Know your name', 'Know your e-mail address', 'Keep access while you are away'],
    },
  },
  logout: {
    client: {
      formHtml:
        '<form id="op.logoutForm" method="post" action="http://op.example/session/end/confirm"><input type="hidden" name="xsrf" value="xsrf-1"/></form>',
      formId: 'op.logoutForm',
      clientName: 'Northwind Bank',
    },
    all: {
      formHtml: '<form id="op.logoutForm" method="post" action="http://op.example/session/end/confirm"></form>',
      formId: 'op.logoutForm',
    },
  },
  'logged-out': { client: { client }, all: {} },
  invite: {
    one: { clients: [client], token: 'inv_3sXk2' },
    several: { clients: [client, { name: 'Northwind Forum' }], token: 'inv_3sXk2' },
  },
  error: {
    request: {
      status: 400,
      code: 'invalid_request',
      message: 'The application sent a request that does not fit together.',
      requestId: 'req-1',
    },
    server: { status: 500, code: 'server_error', message: 'This was our fault, not yours.', requestId: 'req-1' },
    missing: { status: 404, code: 'not_found', message: 'There is nothing at this address.', requestId: 'req-1' },
  },
};

/** Every sample with its page's name, as `begin/new`. */
export function everySample(): { readonly path: string; readonly name: PageName; readonly data: Pages[PageName] }[] {
  return Object.entries(samples).flatMap(([name, ofPage]) =>
    Object.entries(ofPage as Record<string, Pages[PageName]>).map(([sample, data]) => ({
      path: `${name}/${sample}`,
      name: name as PageName,
      data,
    })),
  );
}
