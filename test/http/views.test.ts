// What every page promises without a browser: escaping, no inline code, stable names of fields and buttons.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { CONSENT, consentNotice } from '../../src/http/consent-text.ts';
import type { PageName, Pages } from '../../src/http/pages.ts';
import { createViews } from '../../src/http/views.ts';
import { everySample, NOW, samples } from './views-samples.ts';

const views = createViews({ now: () => NOW });
const directory = fileURLToPath(new URL('../../views', import.meta.url));

function render<N extends PageName>(name: N, data: Pages[N]): string {
  return views.render(name, data, { requestId: 'req-1' });
}

/** The fields and buttons of a page, in order: `name=value`, and where their forms go. */
function controls(html: string): string[] {
  return [...html.matchAll(/<(?:input|button|output|form)\b[^>]*>/g)].map(([tag]) => {
    const of = (attribute: string) => new RegExp(`\\s${attribute}="([^"]*)"`).exec(tag)?.[1];
    return tag.startsWith('<form') ? `${of('method')} ${of('action')}` : `${of('name')}=${of('value') ?? ''}`;
  });
}

const HOSTILE = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>\u202E</title></main>`;

/** Every text that others have a say in, replaced; what our own code fixes (kinds, paths, addresses, markup) stays. */
function poisoned<T>(value: T, key = ''): T {
  const fixed = [
    'kind',
    'state',
    'reason',
    'field',
    'method',
    'fault',
    'ways',
    'purpose',
    'after',
    'passkey',
    'formHtml',
    'qrSvg',
    'logoPath',
  ];
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map((each) => poisoned(each, key)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poisoned(each, name)])) as T;
  }
  return typeof value === 'string' && !fixed.includes(key) && !key.endsWith('Uri') ? (HOSTILE as T) : value;
}

/** The markup alone: tags and the names of their attributes, without texts and values. */
function skeleton(html: string): string[] {
  const tags = html.match(/<\/?[a-z][\w-]*(?:\s+[\w:-]+(?:="[^"]*")?)*\s*\/?>/gi) ?? [];
  return tags.map((tag) => tag.replace(/="[^"]*"/g, '').replace(/\s+/g, ' '));
}

describe('every page', () => {
  test.each(everySample())('$path has one heading, one main part, a language and a title', ({ name, data }) => {
    const html = render(name, data as never);
    expect(html.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    expect(html.match(/<h1>/g)).toHaveLength(1);
    expect(html.match(/<main>/g)).toHaveLength(1);
    expect(html).toMatch(/<title>\S.*<\/title>/);
    expect(html).toContain(`<body data-page="${name}">`);
    expect(html).not.toMatch(/undefined|\[object|NaN/);
  });

  test.each(everySample())('$path keeps its markup when every text is hostile (T27)', ({ name, data }) => {
    expect(skeleton(render(name, poisoned(data) as never))).toEqual(skeleton(render(name, data as never)));
  });

  test.each(everySample())('$path has no inline script or style and loads nothing from elsewhere', (sample) => {
    const html = render(sample.name, sample.data as never);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc="\/assets\/)/);
    const loaded = [...html.matchAll(/<(?:img|script|link)\b[^>]*\s(?:src|href)="([^"]*)"/g)].map(([, url]) => url);
    expect(loaded.filter((url) => !url?.startsWith('/assets/') && url !== '/logos/client-1')).toEqual([]);
  });

  test.each(everySample())(
    '$path carries the way out and the token if it belongs to an interaction',
    ({ name, data }) => {
      const html = render(name, data as never);
      if (!('form' in data) || data.form === undefined) {
        expect(html).not.toContain('/abort"');
        return;
      }
      expect(controls(html).join('\n')).toContain('post /interaction/uid-1/abort\ncsrf=csrf-1\nabort=yes');
      const posts = controls(html).filter((control) => control.startsWith('post '));
      expect(html.match(/name="csrf" value="csrf-1"/g)).toHaveLength(posts.length);
    },
  );

  test('prints raw only the QR code, the logout form and its own parts', () => {
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ejs'));
    const raw = files.flatMap((file) =>
      [...readFileSync(join(directory, file), 'utf8').matchAll(/<%-\s*(.*?)\s*-?%>/gs)]
        .map(([, code]) => code ?? '')
        .filter(
          (code) =>
            !/^(?:include\('partials\/[\w-]+'|include\('[\w-]+'|page\.part\('[\w-]+')(?:, \{.*\})?\)$/s.test(code),
        )
        .map((code) => `${file}: ${code}`),
    );
    expect(raw.sort()).toEqual([
      '_layout.ejs: page.body',
      'logout.ejs: page.formHtml',
      'waiting.ejs: page.phone.qrSvg',
    ]);
  });
});

describe('addresses', () => {
  const bad = [
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'data:text/html,<p>',
    'vbscript:x',
    '//evil.example',
    'x',
  ];

  test.each(bad)('%s is not emitted as a link (T19)', (uri) => {
    const client = { name: 'Bank', startAgainUri: uri };
    for (const { name, data } of everySample()) {
      const changed = {
        ...data,
        ...('client' in data ? { client } : {}),
        ...('clients' in data ? { clients: [client] } : {}),
        ...('verifier' in data ? { verifier: { name: 'V', privacyUri: uri } } : {}),
      };
      const html = render(name, changed as never);
      const targets = [...html.matchAll(/<(?:a|img)\b[^>]*\s(?:href|src)="([^"]*)"/g)].map(([, url]) => url ?? '');
      expect(targets.filter((url) => !/^\/(?:interaction|account)(?:\/|$)/.test(url))).toEqual([]);
    }
  });

  test('a place to start again may be http on a development machine', () => {
    const client = { name: 'Bank', startAgainUri: 'http://localhost:3002/' };
    const html = render('ended', { reason: 'aborted', client });
    expect(html).toContain('href="http://localhost:3002/"');
  });
});

describe('the first page', () => {
  const begin = samples.begin.new as Pages['begin'];

  test('asks for an identifier and consent and offers both cameras', () => {
    expect(controls(render('begin', begin))).toEqual([
      'post /interaction/uid-1/begin',
      'csrf=csrf-1',
      'identifier=',
      'biometric_consent=yes',
      'begin=here',
      'begin=phone',
      'begin=other',
      'post /interaction/uid-1/abort',
      'csrf=csrf-1',
      'abort=yes',
    ]);
    expect(render('begin', begin)).toMatch(/<input[^>]*name="identifier"[^>]*autocomplete="username"/);
  });

  test('shows a remembered person, with a form of its own to change', () => {
    expect(controls(render('begin', samples.begin.remembered as Pages['begin']))).toEqual([
      'post /interaction/uid-1/begin',
      'csrf=csrf-1',
      'switch_account=yes',
      'post /interaction/uid-1/begin',
      'csrf=csrf-1',
      'begin=here',
      'begin=phone',
      'begin=other',
      'post /interaction/uid-1/abort',
      'csrf=csrf-1',
      'abort=yes',
    ]);
  });

  test('shows a fixed person and lets nobody change it', () => {
    const html = render('begin', samples.begin.fixed as Pages['begin']);
    expect(html).toContain('ada@example.org');
    expect(html).not.toMatch(/name="(identifier|switch_account)"/);
  });

  test('says from which browser and place and since when, and who looks at the face', () => {
    const html = render('begin', begin);
    expect(html).toContain('Firefox on Windows');
    expect(html).toContain('192.0.2.17');
    expect(html).toContain('2 minutes ago (<time datetime="2026-11-21T14:29:50Z">14:29 UTC</time>)');
    expect(html).toContain('a page of Didit');
  });

  test.each(['identifier', 'biometric_consent', 'invitation'] as const)(
    'ties what is wrong to the field %s',
    (field) => {
      const html = render('begin', { ...begin, invitation: { value: '' }, fault: { field, message: 'Not so.' } });
      const [input] = new RegExp(`<input[^>]*\\sname="${field}"[^>]*>`, 's').exec(html) ?? [''];
      const id = /aria-describedby="(\S+?)[\s"]/.exec(input)?.[1];
      expect(input).toContain('aria-invalid="true"');
      expect(html).toMatch(new RegExp(`id="${id}".*Not so\\.`));
      expect(html).toContain('<title>Error: Sign in to Northwind Bank</title>');
    },
  );
});

describe('the live page', () => {
  const waiting = samples.waiting.settling as Pages['waiting'];

  test('reloads by itself without script, to its own address', () => {
    expect(render('waiting', waiting)).toContain(
      '<noscript><meta http-equiv="refresh" content="5; url=/interaction/uid-1/waiting"></noscript>',
    );
  });

  test('does not reload while a number is being asked for, and soon where one is only offered', () => {
    expect(render('waiting', samples.waiting.number as Pages['waiting'])).not.toContain('http-equiv="refresh"');
    expect(render('waiting', samples.waiting.phone as Pages['waiting'])).toContain('content="5; url=');
  });

  test('asks for the number with a numeric keyboard', () => {
    const html = render('waiting', samples.waiting.number as Pages['waiting']);
    expect(controls(html).slice(0, 4)).toEqual([
      'post /interaction/uid-1/confirm',
      'csrf=csrf-1',
      'number=',
      'confirm=yes',
    ]);
    expect(html).toMatch(
      /name="number"[^>]*inputmode="numeric" pattern="\[0-9\]\{3\} \?\[0-9\]\{3\}"[^>]*autocomplete="one-time-code"/,
    );
  });

  test('names the steps to do again in words, each once, and in the vendor’s where we have none', () => {
    const steps = ['LIVENESS', 'FACE_MATCH', 'ID_VERIFICATION', 'PROOF_OF_ADDRESS'];
    const html = render('waiting', { ...(samples.waiting.resubmitted as Pages['waiting']), steps });
    const told = [...html.matchAll(/<li>(.*?)<\/li>/g)].map(([, item]) => item?.replace(/<[^>]+>/g, ''));
    expect(told).toEqual(['The selfie', 'The identity document', 'PROOF_OF_ADDRESS']);
  });

  test('shows the QR code as one picture and the way to use this camera instead', () => {
    const html = render('waiting', samples.waiting.phone as Pages['waiting']);
    expect(html).toMatch(/<div class="qr" role="img" aria-label="[^"]+"><svg/);
    expect(controls(html)).toContain('begin=here');
  });

  test('says honestly that no answer is to be had, and leaves the selfie to be waited for or another way to be gone', () => {
    const unanswered = samples.waiting.unanswered as Pages['waiting'];
    const html = render('waiting', unanswered);
    expect(html).toMatch(/does not answer us.*not lost.*go on asking.*another way/s);
    expect(html).not.toContain('a few seconds');
    expect(controls(html)).toEqual(expect.arrayContaining(['begin=other', 'abort=yes']));
    // what is asked of the person is nothing, least of all another selfie
    expect(html).toMatch(/<button class="second"[^>]*name="begin" value="here"/);
    expect(render('waiting', { ...unanswered, otherWays: false })).not.toContain('another way');
  });

  test('says how many tries are left after a wrong number', () => {
    expect(render('waiting', samples.waiting['wrong-number'] as Pages['waiting'])).toContain('One try is left.');
  });
});

describe('where the face was shown', () => {
  const html = render('elsewhere', samples.elsewhere.number as Pages['elsewhere']);

  test('the number is grouped for people and whole for machines', () => {
    expect(html).toContain('<output name="number" data-number="042917">042 917</output>');
  });

  test('the deny form carries the return token', () => {
    expect(controls(html)).toEqual(['number=', 'post /interaction/uid-1/deny', 'token=token-1', 'deny=yes']);
  });
});

test('scope consent has an allowing and a denying button', () => {
  expect(controls(render('consent', samples.consent.three as Pages['consent'])).slice(0, 4)).toEqual([
    'post /interaction/uid-1/consent',
    'csrf=csrf-1',
    'decision=allow',
    'decision=deny',
  ]);
});

test.each(everySample().filter(({ data }) => 'fault' in data || ('number' in data && Object(data.number).fault)))(
  '$path says in its title that something was wrong',
  ({ name, data }) => {
    expect(render(name, data as never)).toMatch(/<title>Error: /);
  },
);

test('forgetting a browser does not promise to sign out this one', () => {
  expect(render('account', samples.account.full as Pages['account'])).toContain('unless it is this one');
});

test('logout says that it is about this browser, and where the others are', () => {
  const one = render('logout', samples.logout.client as Pages['logout']);
  expect(one).toMatch(/value="yes">Sign out of all applications in this browser</);
  expect(render('logout', samples.logout.all as Pages['logout'])).toMatch(/value="yes">Sign out</);
  expect(one).not.toMatch(/everywhere/i);
  expect(one).toContain('<a href="/account">');
});

test('logout submits the library’s form, for all or for this client alone', () => {
  const html = render('logout', samples.logout.client as Pages['logout']);
  expect(html).toMatch(/<button[^>]*form="op\.logoutForm" name="logout" value="yes">/);
  expect(html).toMatch(
    /<button class="second" type="submit" form="op\.logoutForm" name="stay" value="yes">Only sign out of <bdi>Northwind Bank</,
  );
});

test('advice after a document check is about the document, after a selfie about light', () => {
  const document = render('retry', samples.retry['document-declined'] as Pages['retry']);
  expect(document).toMatch(/still valid.*all of it.*reflected/s);
  expect(render('retry', samples.retry.declined as Pages['retry'])).not.toMatch(/document that|reflected/);
});

test('who is not taken by the vendor is told so, and is not sent round', () => {
  const blocked = samples.retry.blocked as Pages['retry'];
  const html = render('retry', blocked);
  expect(html).not.toMatch(/poor light|without a match|start again there|begin" value="here"/);
  expect(html).toMatch(/<button class="main"[^>]*name="begin" value="other"/);
  expect(render('retry', { ...blocked, otherWays: false })).toMatch(/<button class="main"[^>]*name="abort"/);
});

test('a mailed code is promised no longer than it is good', () => {
  expect(render('code', samples.code.enrol as Pages['code'])).toContain('It is good for 7 minutes after');
  expect(render('code', samples.code.wrong as Pages['code'])).not.toContain('It is good');
});

test('a box that was ticked stays ticked when something else was wrong', () => {
  expect(render('begin', samples.begin.faulty as Pages['begin'])).toMatch(/name="biometric_consent"[^>]* checked/);
  expect(render('begin', samples.begin.new as Pages['begin'])).not.toMatch(/name="biometric_consent"[^>]* checked/);
});

test('no tries left leaves only going back', () => {
  const html = render('retry', samples.retry.last as Pages['retry']);
  expect(html).not.toContain('/begin"');
  expect(html).toContain('name="abort"');
});

test('a reference for support stands on pages where something went wrong, and not on the first', () => {
  expect(render('limited', samples.limited.hour as Pages['limited'])).toContain('<code>req-1</code>');
  expect(render('begin', samples.begin.new as Pages['begin'])).not.toContain('req-1');
});

test.each([
  [1, '1 second'],
  [20, '20 seconds'],
  [180, '3 minutes'],
  [181, '4 minutes'],
  [1500, '25 minutes'],
  [7200, '2 hours'],
])('a wait of %d s is told as %s', (retryAfterSeconds, told) => {
  const { form, client } = samples.limited.hour as Pages['limited'];
  expect(render('limited', { form, client, retryAfterSeconds, otherWays: false })).toContain(`about ${told}.`);
});

test('assets are named by a hash of their content, so they may be cached for ever', () => {
  const style = views.assets.get('/assets/style.css');
  expect(style?.type).toBe('text/css; charset=utf-8');
  expect(style?.etag).toMatch(/^"[\w-]{16}"$/);
  expect(render('denied', { client: { name: 'Bank' } })).toContain(`/assets/style.css?v=${style?.etag.slice(1, -1)}"`);
  expect([...views.assets.keys()].sort()).toEqual([
    '/assets/icon.svg',
    '/assets/page.js',
    '/assets/passkey.js',
    '/assets/style.css',
    '/assets/waiting.js',
  ]);
});

test('a changed consent or notice has a new version', () => {
  const texts: string[] = [CONSENT.text];
  for (const keepsPortrait of [false, true]) {
    texts.push(...consentNotice({ client: 'C', verifier: { name: 'V', keepsPortrait }, enrolment: true }));
  }
  const hash = createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 16);
  // When this fails: give `CONSENT.version` the date of the change, then write the new pair here.
  expect([CONSENT.version, hash]).toEqual(['2026-11-21', 'ecb8553f7075bd13']);
});
