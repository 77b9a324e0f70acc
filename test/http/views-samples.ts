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
  otherWays: true,
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
  otherWays: true,
};

const number = { triesLeft: 3, kept: false };

const hour = (ago: number) => new Date(NOW.getTime() - ago * 3_600_000);

const signIn: Pages['account']['signIns'][number] = {
  uid: 'login-1',
  isThis: false,
  at: hour(2),
  client: 'Northwind Bank',
  strength: 'with a selfie',
  browser: 'Firefox on Windows',
  address: '192.0.2.17',
  reasons: ['The browser was new to us.'],
  isDenied: false,
  mayDeny: true,
};

const account: Pages['account'] = {
  csrf: 'csrf-1',
  identifier: 'ada@example.org',
  isWeak: false,
  about: {
    isConfirmed: true,
    claims: [
      { name: 'Name', value: 'Ada Lovelace' },
      { name: 'Date of birth', value: '1815-12-10' },
    ],
    enrolledAt: hour(9000),
    faceSince: hour(9000),
    consent: { version: '2026-11-21', at: hour(9000) },
  },
  sessions: [
    {
      id: 's1',
      isThis: true,
      clients: ['Northwind Bank'],
      since: hour(2),
      browser: 'Firefox on Windows',
      address: '192.0.2.17',
    },
    { id: 's2', isThis: false, clients: [], since: hour(30), browser: 'Safari on iOS', address: '2001:db8::17' },
    { id: 's3', isThis: false, clients: ['Northwind Forum', 'Northwind Bank'] },
  ],
  devices: [
    {
      id: 'd1',
      isThis: true,
      browser: 'Firefox on Windows',
      firstUsedAt: hour(9000),
      lastUsedAt: hour(2),
      networks: ['192.0.2.0/24', '2001:db8::/48'],
    },
    { id: 'd2', isThis: false, browser: 'Safari on iOS', firstUsedAt: hour(40), lastUsedAt: hour(30), networks: [] },
  ],
  passkeys: [
    { id: 'p1', name: 'Firefox on Windows, 21 November 2026', madeAt: hour(2), lastUsedAt: hour(1), isCopied: false },
  ],
  offerPasskey: true,
  consents: [
    {
      clientId: 'forum',
      name: 'Northwind Forum',
      grants: ['Know that it is you, and how you proved it', 'Keep access for up to 30 days while you are away'],
      since: hour(200),
    },
  ],
  signIns: [
    { ...signIn, isThis: true, mayDeny: false },
    { ...signIn, uid: 'login-2', at: hour(30), isDenied: true, mayDeny: false, address: '2001:db8::17' },
    ...Array.from({ length: 5 }, (_, index) => ({ ...signIn, uid: `login-${index + 3}`, at: hour(50 + index) })),
  ],
  verifier: 'Didit',
};

/** what a hostile name could do to the attribute it stands in */
const keyOptions = '{"challenge":"AAAA","user":{"name":"\\"><script>alert(1)</script>"}}';
const passkey: Pages['passkey'] = {
  form,
  client,
  identifier: 'ada@example.org',
  beside: false,
  use: keyOptions,
  made: false,
  mayGoWithout: false,
};

const elsewhere = {
  denyAction: '/interaction/uid-1/deny',
  token: 'token-1',
  client,
  origin,
  minutes: 5,
  isTooLate: false,
  isRefused: false,
  isDone: false,
};

export const samples: { readonly [N in PageName]: Readonly<Record<string, Pages[N]>> } = {
  begin: {
    new: begin,
    faulty: {
      ...begin,
      identifier: { kind: 'typed', value: 'ada@example' },
      isConsentGiven: true,
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
    'passkey-first': {
      ...begin,
      identifier: { kind: 'remembered', value: 'ada@example.org' },
      askConsent: false,
      passkey: 'first',
    },
    'passkey-enough': { ...begin, passkey: 'enough' },
    'passkey-beside': { ...begin, method: 'active', passkey: 'beside' },
    fixed: {
      ...begin,
      identifier: { kind: 'fixed', value: 'ada@example.org' },
      method: 'active',
      offerPhone: false,
      otherWays: false,
    },
    known: {
      ...begin,
      identifier: { kind: 'remembered', value: 'ada@example.org' },
      askConsent: false,
      method: 'none',
      offerPhone: false,
    },
  },
  'other-ways': {
    all: {
      form,
      client,
      identifier: 'ada@example.org',
      ways: ['passkey', 'email', 'recovery_code'],
      mayReEnrol: true,
      askConsent: true,
    },
    none: { form, client, identifier: 'ada', ways: [], mayReEnrol: false, askConsent: false },
    faulty: {
      form,
      client,
      identifier: 'ada',
      ways: ['recovery_code'],
      mayReEnrol: true,
      askConsent: true,
      fault: { field: 'code', message: 'This code is not right, or no longer good.' },
    },
  },
  code: {
    enrol: {
      form,
      client,
      identifier: 'ada@example.org',
      purpose: 'enrol',
      minutes: 7,
      maySendAgain: true,
    },
    wrong: { form, client, identifier: 'ada@example.org', purpose: 'sign-in', fault: 'wrong', maySendAgain: false },
  },
  'mail-link': { asked: { form, client, action: '/interaction/uid-1/link/token-1', csrf: form.csrf } },
  'not-me': {
    asked: { action: '/not-me/token-1', client, at: new Date('2026-11-21T14:29:50Z'), face: true, done: false },
    done: { action: '/not-me/token-1', client, at: new Date('2026-11-21T14:29:50Z'), face: false, done: true },
  },
  waiting: {
    settling: waiting,
    starting: { ...waiting, state: 'starting', otherWays: false },
    'not-started': { ...waiting, state: 'not-started', canCapture: true, number },
    phone: { ...waiting, state: 'not-started', canCapture: true, phone: { qrSvg }, number },
    'in-progress': { ...waiting, state: 'in-progress', canCapture: true, showWayOut: true, number },
    slow: { ...waiting, showWayOut: true, lapsesAt: new Date('2026-11-21T14:32:40Z') },
    review: { ...waiting, state: 'in-review' },
    unanswered: { ...waiting, state: 'unanswered', canCapture: true, showWayOut: true, number },
    resubmitted: { ...waiting, state: 'resubmitted', canCapture: true, steps: ['Liveness check', 'Face match'] },
    number: { ...waiting, canCapture: true, number, numberNeeded: true },
    'wrong-number': {
      ...waiting,
      canCapture: true,
      number: { fault: 'wrong', triesLeft: 1, kept: false },
      numberNeeded: true,
    },
    'no-number': { ...waiting, number: { fault: 'malformed', triesLeft: 3, kept: false }, numberNeeded: true },
    'old-number': { ...waiting, number: { fault: 'expired', triesLeft: 2, kept: false }, numberNeeded: true },
    'kept-number': { ...waiting, number: { triesLeft: 3, kept: true } },
    'kept-in-review': { ...waiting, state: 'in-review', number: { triesLeft: 3, kept: true }, numberNeeded: true },
  },
  retry: {
    declined: { form, client, kind: 'declined', triesLeft: 2, offerPhone: true, otherWays: true, mayReEnrol: true },
    'document-declined': {
      form,
      client,
      kind: 'document-declined',
      triesLeft: 2,
      offerPhone: true,
      otherWays: false,
      mayReEnrol: false,
    },
    blocked: { form, client, kind: 'blocked', triesLeft: 0, offerPhone: false, otherWays: true, mayReEnrol: false },
    'not-finished': {
      form,
      client,
      kind: 'not-finished',
      triesLeft: 1,
      offerPhone: false,
      otherWays: false,
      mayReEnrol: false,
    },
    abandoned: {
      form,
      client,
      kind: 'abandoned',
      triesLeft: 1,
      offerPhone: false,
      otherWays: false,
      mayReEnrol: false,
    },
    expired: { form, client, kind: 'expired', triesLeft: 2, offerPhone: false, otherWays: false, mayReEnrol: false },
    gone: { form, client, kind: 'gone', triesLeft: 2, offerPhone: false, otherWays: true, mayReEnrol: false },
    'kyc-expired': {
      form,
      client,
      kind: 'kyc-expired',
      triesLeft: 2,
      offerPhone: true,
      otherWays: true,
      mayReEnrol: true,
    },
    'no-portrait': {
      form,
      client,
      kind: 'no-portrait',
      triesLeft: 2,
      offerPhone: false,
      otherWays: false,
      mayReEnrol: false,
    },
    last: { form, client, kind: 'declined', triesLeft: 0, offerPhone: false, otherWays: false, mayReEnrol: false },
  },
  passkey: {
    alone: passkey,
    refused: { ...passkey, fault: 'refused' },
    first: { form, client, identifier: 'ada', beside: true, make: keyOptions, made: false, mayGoWithout: false },
    made: { ...passkey, beside: true, make: keyOptions, made: true },
    wished: { ...passkey, beside: true, make: keyOptions, mayGoWithout: true },
    full: { ...passkey, beside: true, make: keyOptions, fault: 'full' },
  },
  phone: { facts: { action: '/phone/token-1', client, origin, identifier: 'ada@example.org' } },
  elsewhere: {
    number: { ...elsewhere, number: '042917' },
    late: { ...elsewhere, minutes: 1, isTooLate: true },
    refused: { ...elsewhere, number: '042917', isRefused: true },
    done: { ...elsewhere, isDone: true },
  },
  denied: { client: { client } },
  'wrong-browser': { client: { client }, unknown: {} },
  ended: {
    'renewal-waits': {
      reason: 'renewal-waits',
      client,
      form,
      renewal: { dueAt: new Date('2026-11-24T14:29:50Z'), isTold: true },
    },
    finished: { reason: 'finished', client: { name: 'Northwind Bank' } },
    lapsed: { reason: 'lapsed', client, form },
    aborted: { reason: 'aborted', client },
    denied: { reason: 'denied', client, form },
    preempted: { reason: 'preempted', client },
    refused: { reason: 'refused', client: { name: 'Northwind Bank' }, form },
    'wrong-numbers': { reason: 'wrong-numbers', client, form },
    gone: { reason: 'gone' },
    over: { reason: 'over' },
  },
  conflict: { held: { form, client, retryAfterSeconds: 180, otherWays: true } },
  limited: {
    hour: { form, client, retryAfterSeconds: 1500, otherWays: false },
    budget: { form, client, retryAfterSeconds: 50_000, otherWays: true, isBudget: true },
  },
  'vendor-down': { soon: { form, client, retryAfterSeconds: 20, otherWays: true } },
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
  account: {
    full: { ...account, notice: 'The browser is forgotten. Next time it is new to us.' },
    weak: { ...account, isWeak: true, fault: 'This needs a selfie or a passkey. You are signed in with a code.' },
    alarmed: {
      ...account,
      about: {
        isConfirmed: false,
        claims: [],
        enrolledAt: hour(9000),
        review: { since: hour(3), reasons: ['You said that a sign-in was not yours.'] },
        newFaceDueAt: new Date('2026-11-24T14:32:10Z'),
      },
      passkeys: [{ id: 'p1', name: 'Firefox on Windows', madeAt: hour(2), isCopied: true }],
    },
    bare: { ...account, sessions: account.sessions.slice(0, 1), devices: [], passkeys: [], consents: [], signIns: [] },
  },
  'account-delete': {
    form: { csrf: 'csrf-1', identifier: 'ada@example.org', receipt: 'r1', needsProof: false, verifier: 'Didit' },
    faulty: {
      csrf: 'csrf-1',
      identifier: 'ada@example.org',
      receipt: 'r1',
      needsProof: false,
      verifier: 'Didit',
      fault: 'That is not the name of this account.',
    },
    weak: { csrf: 'csrf-1', identifier: 'ada@example.org', receipt: 'r1', needsProof: true, verifier: 'Didit' },
  },
  'account-passkey': {
    make: { csrf: 'csrf-1', identifier: 'ada@example.org', make: keyOptions },
    faulty: { csrf: 'csrf-1', identifier: 'ada@example.org', make: keyOptions, fault: 'full' },
    weak: { csrf: 'csrf-1', identifier: 'ada@example.org' },
  },
  'account-sign-in': {
    refused: { reason: 'refused' },
    unavailable: { reason: 'unavailable' },
    'not-here': { reason: 'not-here' },
    'too-old': { reason: 'too-old' },
  },
  'account-signed-out': {
    everywhere: { after: 'everywhere' },
    here: { after: 'here' },
    denied: { after: 'denied' },
    face: { after: 'denied-face' },
  },
  home: { all: {} },
  deleted: {
    'under-way': { path: '/account/deleted/r1', state: 'under-way', verifier: 'Didit' },
    done: { path: '/account/deleted/r1', state: 'done', at: hour(1), verifier: 'Didit' },
    unknown: { path: '/account/deleted/r1', state: 'unknown', verifier: 'Didit' },
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
