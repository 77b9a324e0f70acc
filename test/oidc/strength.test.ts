// `acr`, `amr`, `auth_time`: what was asked for, what is owed, and that what is told is what happened.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser, wordsOf } from '../support/browser.ts';
import { ACTIVE, CLIENTS, type OidcWorld, SELFIE, SPECIAL_WORKFLOW, startOidcWorld } from '../support/oidc-world.ts';
import { WORKFLOWS } from '../support/world.ts';

const DEVICE = 'urn:selfie-oidc:acr:device';
const BEYOND = 'urn:selfie-oidc:acr:selfie-device';
let o: OidcWorld;
let weak: Browser;
beforeAll(async () => {
  o = await startOidcWorld();
  weak = (await o.signIn({ who: 'alice' })).browser;
});
afterAll(() => o.close());

/** The same cookies, from now on apart. */
function copyOf(browser: Browser): Browser {
  const copy = new Browser();
  for (const cookie of browser.cookies()) copy.setCookie(cookie);
  return copy;
}

const essential = (request: object) => JSON.stringify({ id_token: { acr: { essential: true, ...request } } });
const lastWorkflow = () => o.sandbox.sessions().at(-1)?.workflowId;

async function errorOf(browser: Browser, client: string, params: Record<string, string>): Promise<string | null> {
  return o.answerOf(await o.go(browser, o.ask(client, params))).get('error');
}

describe('voluntary acr_values', () => {
  test.each([
    ['the first that can be had', `urn:unheard-of ${BEYOND} ${ACTIVE} ${SELFIE}`, ACTIVE, WORKFLOWS.active],
    ['the weaker one, where the client likes it better', `${SELFIE} ${ACTIVE}`, SELFIE, WORKFLOWS.passive],
    ['a selfie for less than one', DEVICE, SELFIE, WORKFLOWS.passive],
    ['a selfie, where none can be had', `urn:unheard-of ${BEYOND}`, SELFIE, WORKFLOWS.passive],
  ])('ask for %s', async (_name, acr_values, acr, workflow) => {
    const { tokens, faces } = await o.signIn({ who: 'alice', params: { acr_values } });
    expect([faces, tokens.claims.acr, tokens.claims.amr, lastWorkflow()]).toEqual([1, acr, ['face'], workflow]);
  });

  test('the claims parameter asks the same way, also with values', async () => {
    const { tokens } = await o.signIn({
      who: 'alice',
      params: { claims: JSON.stringify({ id_token: { acr: { values: [ACTIVE, SELFIE] } } }) },
    });
    expect(tokens.claims.acr).toBe(ACTIVE);
  });

  test('a session that is weaker is asked for more; one that is strong enough, or stronger, is not', async () => {
    const browser = copyOf(weak);
    expect((await o.signIn({ browser, params: { acr_values: SELFIE } })).faces).toBe(0);
    expect((await o.signIn({ browser, params: { acr_values: `urn:unheard-of ${BEYOND}` } })).faces).toBe(0);
    expect(await errorOf(browser, 'app', { acr_values: ACTIVE, prompt: 'none' })).toBe('login_required');
    const stronger = await o.signIn({ browser, params: { acr_values: ACTIVE } });
    expect([stronger.faces, stronger.tokens.claims.acr]).toEqual([1, ACTIVE]);
    const after = await o.signIn({ browser, params: { acr_values: SELFIE } });
    expect([after.faces, after.tokens.claims.acr]).toEqual([0, ACTIVE]);
  });

  test('default_acr_values of an entry ask where the request does not', async () => {
    const browser = copyOf(weak);
    expect((await o.signIn({ browser, client: 'aged' })).tokens.claims.acr).toBe(ACTIVE);
    const other = copyOf(weak);
    expect((await o.signIn({ browser: other, client: 'aged', params: { acr_values: SELFIE } })).faces).toBe(0);
  });
});

describe('essential acr', () => {
  test.each([
    ['value', { value: ACTIVE }],
    ['values', { values: [BEYOND, ACTIVE] }],
  ])('is met, asked for by %s', async (_name, request) => {
    const browser = copyOf(weak);
    const { tokens, faces } = await o.signIn({ browser, params: { claims: essential(request) } });
    expect([faces, tokens.claims.acr]).toEqual([1, ACTIVE]);
  });

  test('or the request fails, with a session and without, and nobody is filmed for it', async () => {
    const before = o.sandbox.sessions().length;
    for (const request of [{ value: BEYOND }, { values: ['urn:unheard-of'] }]) {
      for (const browser of [copyOf(weak), new Browser()]) {
        expect(await errorOf(browser, 'app', { claims: essential(request) })).toBe('unmet_authentication_requirements');
      }
    }
    expect(o.sandbox.sessions()).toHaveLength(before);
  });

  test('without a page it fails by its own name (RFC 9470)', async () => {
    expect(await errorOf(weak, 'app', { claims: essential({ value: ACTIVE }), prompt: 'none' })).toBe(
      'unmet_authentication_requirements',
    );
  });

  test('goes before acr_values', async () => {
    const { tokens } = await o.signIn({
      who: 'alice',
      params: { acr_values: SELFIE, claims: essential({ value: ACTIVE }) },
    });
    expect(tokens.claims.acr).toBe(ACTIVE);
  });

  test.each([
    { value: 7 },
    { values: ACTIVE },
    { values: [] },
    { values: [ACTIVE, 7] },
    { values: {}, value: SELFIE },
    { essential: 'yes', value: ACTIVE },
  ])('one that cannot be read is refused, not forgotten: %j', async (request) => {
    expect(await errorOf(weak, 'app', { claims: essential(request) })).toBe('invalid_request');
  });

  test.each(['[]', '"text"', '7', '{"id_token":[]}', '{"userinfo":"x"}', '{}', '{', 'null'])(
    'claims=%s is refused',
    async (claims) => {
      expect(await errorOf(weak, 'app', { claims })).toBe('invalid_request');
    },
  );

  test.each(['{"id_token":{"acr":["a"]}}', '{"id_token":{"acr":"text"}}'])('claims=%s is refused', async (claims) => {
    expect(await errorOf(weak, 'app', { claims })).toBe('invalid_request');
  });

  test('essential without a value is met by whatever there is', async () => {
    const { tokens, faces } = await o.signIn({ browser: weak, params: { claims: essential({}) } });
    expect([faces, tokens.claims.acr]).toEqual([0, SELFIE]);
  });
});

describe("minimum_acr of a client's entry", () => {
  test.each([
    ['nothing', {}],
    ['acr_values', { acr_values: `${SELFIE} ${DEVICE}` }],
    ['an essential acr', { claims: essential({ value: SELFIE }) }],
    ['an unknown one', { acr_values: 'urn:unheard-of' }],
  ])('is not lowered by %s', async (_name, params) => {
    const browser = copyOf(weak);
    expect(await errorOf(browser, 'strict', { ...params, prompt: 'none' })).toMatch(
      /login_required|unmet_authentication_requirements/,
    );
    const { tokens, faces } = await o.signIn({ browser, client: 'strict', params });
    expect([faces, tokens.claims.acr, lastWorkflow()]).toEqual([1, ACTIVE, WORKFLOWS.active]);
  });

  test('is not lowered by the answer of a passive selfie', async () => {
    const browser = copyOf(weak);
    const page = await o.go(browser, o.ask('strict'));
    const before = o.sandbox.sessions().length;
    await browser.press(page, { name: 'begin', value: 'here' });
    const session = o.sandbox.sessions()[before];
    expect(session?.workflowId).toBe(WORKFLOWS.active);
    await o.sandbox.open(String(session?.id), { userAgent: browser.userAgent });
    await o.sandbox.settle(String(session?.id), 'approve', {
      mutate: (decision: Record<string, unknown>) => {
        for (const check of decision.liveness_checks as Record<string, unknown>[]) check.method = 'PASSIVE';
      },
    } as never);
    const back = await browser.get(String(o.sandbox.session(String(session?.id)).returnUrl), o.isOutside);
    expect(back.headers.get('location')).toBeNull();
    expect(wordsOf(back)).not.toContain('code=');
  });

  test('a new person enrols, then shows an active selfie, in one interaction', async () => {
    const browser = new Browser();
    const asked = o.ask('strict');
    const first = await o.go(browser, asked);
    const uid = /interaction\/([^/?]+)/.exec(first.url)?.[1];
    const before = o.sandbox.sessions().length;
    const answer = o.answerOf(await o.comply(browser, first, 'newcomer'));
    const opened = o.sandbox.sessions().slice(before);
    expect(opened.map(({ workflowId }) => workflowId)).toEqual([WORKFLOWS.enrol, WORKFLOWS.active]);
    // the second is compared with the face of the first, of the same person, in the same interaction
    expect(opened[1]?.vendorData).toBe(opened[0]?.vendorData);
    expect(opened[1]?.hasReference).toBe(true);
    for (const { callback } of opened) expect(callback).toContain(`/interaction/${uid}/return/`);
    const tokens = await o.redeem(asked, String(answer.get('code')));
    expect(tokens.claims).toMatchObject({ acr: ACTIVE, amr: ['face'] });
  });
});

describe('vendor_workflow', () => {
  test('replaces the workflows of a login', async () => {
    const browser = new Browser();
    const page = await o.go(browser, o.ask('special', { login_hint: 'alice' }));
    await browser.press(page, { name: 'begin', value: 'here' }, { biometric_consent: 'yes' });
    const asked = o.sandbox
      .calls()
      .filter(({ call }) => call === 'create')
      .at(-1)?.body;
    expect((asked as { workflow_id: string }).workflow_id).toBe(SPECIAL_WORKFLOW);
  });

  test('never that of an enrolment', async () => {
    const browser = new Browser();
    const page = await o.go(browser, o.ask('special'));
    await browser.press(
      page,
      { name: 'begin', value: 'here' },
      { identifier: 'special-newcomer', biometric_consent: 'yes' },
    );
    expect(lastWorkflow()).toBe(WORKFLOWS.enrol);
  });
});

test('auth_time is when the vendor decided; what a session answers later keeps it', async () => {
  const browser = new Browser();
  const { tokens } = await o.signIn({ browser, who: 'alice' });
  const decided = Number(tokens.claims.auth_time);
  expect(Math.abs(decided - Date.now() / 1000)).toBeLessThan(3);
  o.world.clock.move(3600);
  const later = await o.signIn({ browser, client: 'es256' });
  o.world.clock.move(-3600);
  expect([later.faces, later.tokens.claims.auth_time]).toEqual([0, decided]);
  expect(Number(later.tokens.claims.iat) - decided).toBeGreaterThanOrEqual(3599);
});

test('an entry without an active workflow to be had cannot be had at all', async () => {
  const other = await startOidcWorld({ clients: CLIENTS.filter(({ client_id }) => client_id !== 'aged') });
  const { didit } = other.world.config;
  await other.restart({
    didit: { ...didit, workflows: { enrol: didit.workflows.enrol, passive: didit.workflows.passive } },
  });
  const page = await other.go(new Browser(), other.ask('strict'));
  expect(other.answerOf(page).get('error')).toBe('unmet_authentication_requirements');
  // voluntary: ignored
  const { tokens } = await other.signIn({ who: 'bob', params: { acr_values: ACTIVE } });
  expect(tokens.claims.acr).toBe(SELFIE);
  await other.close();
});
