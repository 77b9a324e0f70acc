import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'node-html-parser';
import { Browser, buttonsOf, fieldsOf, hiddenOf, type Page, PHONE_SAFARI, wordsOf } from '../support/browser.ts';
import { readQr } from '../support/qr.ts';
import {
  answerOf,
  awaitPage,
  comeBack,
  creates,
  FAR,
  giveUp,
  isAtClient,
  pressOn,
  returnUrl,
  showFace,
  until,
  visit,
} from '../support/story.ts';
import { type Begun, exchange, startWorld, UNLIMITED, type World } from '../support/world.ts';

function numberOn(page: Page): string {
  return parse(page.text).querySelector('output[name=number]')?.getAttribute('data-number') ?? '';
}

function wrongFor(number: string): string {
  return number === '000000' ? '000001' : '000000';
}

const asksNumber = (page: Page) => page.status === 200 && /data-settled="true"/.test(page.text);

const DESKTOP_FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

describe('cross_device: confirm', () => {
  let world: World;
  let people = 0;
  let attacker: Browser;
  let victim: Browser;
  let begun: Begun;

  beforeAll(async () => {
    world = await startWorld({ policy: UNLIMITED });
  });
  afterAll(() => world.close());

  beforeEach(async () => {
    people += 1;
    const name = `victim-${people}`;
    await world.enrol(name);
    attacker = new Browser();
    victim = new Browser({ userAgent: PHONE_SAFARI });
    begun = await world.begin(attacker, name);
  });

  test('T2: a return address that was opened elsewhere first, and then carried over, does not finish: the number does', async () => {
    await showFace(world, begun, { by: victim, address: FAR });
    const number = numberOn(await victim.get(returnUrl(world, begun)));
    const page = await comeBack(world, begun, attacker);
    expect(isAtClient(world, page)).toBe(false);
    expect(asksNumber(page)).toBe(true);
    const end = await pressOn(world, attacker, page, { name: 'confirm', value: 'yes' }, { number });
    expect(isAtClient(world, end)).toBe(true);
  });

  test('T2: a session that is to be done again forgets the return token of whoever captured first', async () => {
    // the attacker shows a face of their own, and keeps what the callback carried
    await showFace(world, begun, { scenario: 'in_review' });
    const kept = returnUrl(world, begun);
    await attacker.get(kept);
    await world.sandbox.settle(begun.sessionId, 'resubmit');
    const page = await awaitPage(world, begun, 'the step', (seen) => /data-state="resubmitted"/.test(seen.text));
    // then the same hosted page is sent to the victim, whose true face passes
    await pressOn(world, attacker, page, { name: 'begin', value: 'here' });
    await showFace(world, begun, { by: victim, address: FAR });
    await attacker.get(kept);
    const end = await awaitPage(world, begun, 'the question for the number', asksNumber);
    expect(isAtClient(world, end)).toBe(false);
    expect(returnUrl(world, begun)).not.toBe(kept);
    expect((await victim.get(kept)).text).not.toContain('data-number');
    const number = numberOn(await victim.get(returnUrl(world, begun)));
    expect(number).toMatch(/^\d{6}$/);
  });

  test('T2: a number that was right of one capture is not right of the next, at whatever moment it is typed', async () => {
    await showFace(world, begun, { by: victim, scenario: 'in_review' });
    const number = numberOn(await comeBack(world, begun, victim));
    const waiting = await visit(world, begun, '/waiting');
    const { store, attempts } = world.app.parts;
    const { update } = store;
    store.update = async (key, change, hint) => {
      if (key !== `attempt:${begun.uid}`) return update(key, change, hint);
      // the vendor asks for another capture while the answer is on its way into the record
      store.update = update;
      await world.sandbox.settle(begun.sessionId, 'resubmit');
      await world.sandbox.idle();
      return update(key, change, hint);
    };
    expect((await attacker.press(waiting, 'confirm', { number })).status).toBe(422);
    expect(store.update).toBe(update);
    const current = (await attempts.find(begun.uid))?.verifications.at(-1);
    expect(current).toMatchObject({ status: 'resubmitted', isUntied: true });
    expect(current).not.toHaveProperty('confirmedAt');
  });

  test('T2: a form that is sent slowly brings back no number of an earlier capture', async () => {
    const phone = new Browser({ userAgent: victim.userAgent });
    await showFace(world, begun, { by: phone, scenario: 'in_review' });
    const earlier = numberOn(await phone.get(returnUrl(world, begun)));
    const { csrf = '' } = hiddenOf(await visit(world, begun, '/waiting'));
    await attacker.request(`${world.issuer}/interaction/${begun.uid}/begin`, {
      form: { csrf, begin: 'phone', pad: 'x'.repeat(200) },
      midway: async () => {
        await world.sandbox.settle(begun.sessionId, 'resubmit');
        const page = await awaitPage(world, begun, 'the step', (seen) => /data-state="resubmitted"/.test(seen.text));
        await pressOn(world, attacker, page, { name: 'begin', value: 'here' });
      },
    });
    await showFace(world, begun, { by: victim, address: FAR });
    const number = numberOn(await victim.get(returnUrl(world, begun)));
    expect(number).not.toBe(earlier);
    const page = await awaitPage(world, begun, 'the question for the number', asksNumber);
    const typed = await pressOn(world, attacker, page, { name: 'confirm', value: 'yes' }, { number: earlier });
    expect(typed.status).toBe(422);
  });

  test('T2, R9: the same where nothing was heard of the first capture, and its return is opened only afterwards', async () => {
    // `open` tells that somebody is there; nothing else of this capture is heard
    world.sandbox.configure({ webhookMode: 'lost' });
    await showFace(world, begun, { scenario: 'in_review', settle: { webhook: 'lost' } });
    world.sandbox.configure({ webhookMode: 'normal' });
    const kept = returnUrl(world, begun);
    await world.sandbox.settle(begun.sessionId, 'resubmit');
    await awaitPage(world, begun, 'the step', (seen) => /data-state="resubmitted"/.test(seen.text));
    await attacker.get(kept);
    // the victim goes back to the hosted page by the link they were sent: a computer, too, so nothing but the return tells them apart
    const elsewhere = new Browser({ userAgent: DESKTOP_FIREFOX });
    await showFace(world, begun, { by: elsewhere, address: FAR });
    for (const path of ['/waiting', '/finish']) expect(isAtClient(world, await visit(world, begun, path))).toBe(false);
    // whoever showed it holds the way on
    expect(isAtClient(world, await comeBack(world, begun, elsewhere))).toBe(false);
  });

  const captured = () => showFace(world, begun, { by: victim, address: FAR });
  const confirm = async (number: string) =>
    pressOn(world, attacker, await visit(world, begun, '/waiting'), 'confirm', { number });

  test('T2: the victim’s true face, shown elsewhere, lets the starting browser in by nothing that it has', async () => {
    await captured();
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    for (const path of ['', '/waiting', '/finish'])
      expect(isAtClient(world, await visit(world, begun, path))).toBe(false);
    const page = await visit(world, begun, '/finish');
    // neither number nor return token nor hosted address is anywhere in the starting browser
    const token = returnUrl(world, begun).split('/return/')[1]?.split('?')[0] ?? 'none';
    for (const seen of [page.text, (await visit(world, begun, '')).text]) {
      expect(seen).not.toContain(token);
      expect(seen).not.toContain(world.sandbox.session(begun.sessionId).url);
      expect(seen).not.toMatch(/data-number/);
    }
  });

  test('T2: the browser that comes back without the cookie sees who asks, from where and a number, and may stop it', async () => {
    await captured();
    const page = await comeBack(world, begun, victim);
    expect(page.status).toBe(403);
    expect(numberOn(page)).toMatch(/^\d{6}$/);
    const words = wordsOf(page);
    expect(words).toContain('Example App');
    expect(words).toContain('Chrome on Windows');
    expect(words).toContain('127.0.0.1');
    expect(buttonsOf(page)).toEqual(['deny=yes']);
    expect(page.text).not.toContain(begun.request.state);

    const denied = await pressOn(world, victim, page, 'deny');
    expect(denied.status).toBe(200);
    const ended = await visit(world, begun, '/waiting');
    expect(ended.status).toBe(410);
    expect(wordsOf(ended)).toContain('This was not me');
    const { accounts } = world.app.parts;
    expect((await accounts.findByIdentifier(`victim-${people}`))?.review?.reasons).toEqual(['denied-by-person']);
    // the number is worth nothing any more, and neither is the face
    expect((await visit(world, begun, '/finish')).status).toBe(410);
    expect((await giveUp(world, attacker, ended)).get('error')).toBe('access_denied');
    expect((await comeBack(world, begun, victim)).status).toBe(403);
  });

  test('T2: denied before there is a verdict: the session is deleted and an approval changes nothing', async () => {
    await world.sandbox.open(begun.sessionId, { userAgent: victim.userAgent, address: FAR });
    const page = await comeBack(world, begun, victim);
    expect(page.status).toBe(403);
    await pressOn(world, victim, page, 'deny');
    expect(world.sandbox.session(begun.sessionId).deleted).toBe(true);
    await world.sandbox.settle(begun.sessionId, 'approve');
    await world.sandbox.idle();
    expect((await visit(world, begun, '/finish')).status).toBe(410);
  });

  test('T2: the number that the capturing device shows, typed in the starting browser, lets on', async () => {
    await captured();
    const number = numberOn(await comeBack(world, begun, victim));
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    const page = await confirm(`${number.slice(0, 3)} ${number.slice(3)}`);
    const end = isAtClient(world, page) ? page : await visit(world, begun, '/finish');
    expect(
      (await exchange(await world.client(), begun.request, String(end.headers.get('location')))).id_token,
    ).toBeDefined();
  });

  test('T2: a number typed before the verdict is kept, and counts when the verdict falls', async () => {
    await world.sandbox.open(begun.sessionId, { userAgent: victim.userAgent, address: FAR });
    const number = numberOn(await comeBack(world, begun, victim));
    const kept = await confirm(number);
    expect(kept.status).toBe(200);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    await world.sandbox.settle(begun.sessionId, 'approve');
    await awaitPage(world, begun, 'the way back', (page) => isAtClient(world, page));
  });

  test('T2: three wrong numbers end the attempt, and the right one comes too late', async () => {
    await captured();
    const number = numberOn(await comeBack(world, begun, victim));
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    expect((await confirm(wrongFor(number))).status).toBe(422);
    expect((await confirm(wrongFor(number))).status).toBe(422);
    const waiting = await visit(world, begun, '/waiting');
    const third = await pressOn(world, attacker, waiting, 'confirm', { number: wrongFor(number) });
    expect(third.status).toBe(410);
    const late = await pressOn(world, attacker, waiting, 'confirm', { number });
    expect(late.status).toBe(410);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    expect((await giveUp(world, attacker, third)).get('error')).toBe('access_denied');
  });

  test('T2: six wrong numbers at once count as well: the right one among them does not slip through the end', async () => {
    await captured();
    const number = numberOn(await comeBack(world, begun, victim));
    const waiting = await awaitPage(world, begun, 'the question for the number', asksNumber);
    await Promise.all(
      Array.from({ length: 6 }, () => attacker.press(waiting, 'confirm', { number: wrongFor(number) })),
    );
    expect((await attacker.press(waiting, 'confirm', { number })).status).toBe(410);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
  });

  test('T2: the number is good for five minutes', async () => {
    await captured();
    const number = numberOn(await comeBack(world, begun, victim));
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    world.clock.move(301);
    const page = await confirm(number);
    expect(page.status).toBe(422);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    // and the device that showed it no longer offers it
    const shown = await comeBack(world, begun, victim);
    expect(shown.status).toBe(403);
    expect(shown.text).not.toContain('data-number');
    expect(wordsOf(shown)).toContain('too old');
    expect(buttonsOf(shown)).toEqual(['deny=yes']);
    // another capture is the way on
    const before = creates(world);
    const again = await pressOn(world, attacker, await visit(world, begun, '/waiting'), {
      name: 'begin',
      value: 'here',
    });
    expect(again.headers.get('location')).toContain(world.sandbox.url);
    expect(creates(world)).toBe(before + 1);
    const session = world.sandbox.sessions().find(({ url }) => url === again.headers.get('location'));
    const second = { ...begun, sessionId: String(session?.id) };
    // the old number and the old return belong to the old try
    expect((await confirm(number)).status).toBe(422);
    await showFace(world, second);
    expect((await world.finish(second)).id_token).toBeDefined();
  });

  test.each(['decline_liveness_attack', 'abandon'])(
    'T2: whoever was led to a selfie that ended by %s learns of which sign-in, and may stop it',
    async (scenario) => {
      await showFace(world, begun, { by: victim, address: FAR, scenario });
      const page = await comeBack(world, begun, victim);
      expect(page.status).toBe(403);
      expect(wordsOf(page)).toContain('Example App');
      expect(wordsOf(page)).toContain('Chrome on Windows');
      expect(wordsOf(page)).toContain('did not lead to a sign-in');
      expect(numberOn(page)).toMatch(/^\d{6}$/);
      // looking has changed nothing where it was started
      expect((await visit(world, begun, '/waiting')).status).toBe(200);
      expect((await pressOn(world, victim, page, 'deny')).status).toBe(200);
      expect((await visit(world, begun, '/waiting')).status).toBe(410);
    },
  );

  test('T2: before any device has shown the number, whatever is typed is a guess and counts as one', async () => {
    await captured();
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    expect((await confirm('000000')).status).toBe(422);
    expect((await confirm('111111')).status).toBe(422);
    expect((await confirm('222222')).status).toBe(410);
  });

  test('what is no number of six digits is no guess, however often: it is told, and the right one still counts', async () => {
    await captured();
    const number = numberOn(await comeBack(world, begun, victim));
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    for (const typed of ['', '12345', '1234567', 'abcdef', `${number}0`, number.slice(1)]) {
      const page = await confirm(typed);
      expect(page.status).toBe(422);
      expect(wordsOf(page)).toContain('The number has six digits');
    }
    const page = await confirm(number);
    const end = isAtClient(world, page) ? page : await visit(world, begun, '/finish');
    expect(isAtClient(world, end)).toBe(true);
  });

  test('T2: whoever told the number to somebody may still say that it was not them, when the sign-in is finished', async () => {
    await captured();
    const number = numberOn(await comeBack(world, begun, victim));
    const page = await awaitPage(world, begun, 'the question for the number', asksNumber);
    const end = await pressOn(world, attacker, page, { name: 'confirm', value: 'yes' }, { number });
    const tokens = await exchange(await world.client(), begun.request, end.headers.get('location') ?? '');
    const userInfo = async () =>
      (await fetch(`${world.issuer}/me`, { headers: { authorization: `Bearer ${tokens.access_token}` } })).status;
    expect(await userInfo()).toBe(200);
    const shown = await comeBack(world, begun, victim);
    expect(shown.status).toBe(403);
    expect(wordsOf(shown)).toContain('That sign-in is completed');
    expect(shown.text).not.toContain('data-number');
    expect((await pressOn(world, victim, shown, 'deny')).status).toBe(200);
    expect(await userInfo()).toBe(401);
    const account = await world.app.parts.accounts.find(String(tokens.claims()?.sub));
    expect(account?.review?.reasons).toContain('denied-by-person');
  });

  /** The sign-in is finished by the number, and while it is, or the victim denies it, the other one acts. */
  async function deniedAt(moment: 'update account:' | 'set sign-in:') {
    await captured();
    const shown = await comeBack(world, begun, victim);
    const page = await awaitPage(world, begun, 'the question for the number', asksNumber);
    const finish = () => pressOn(world, attacker, page, { name: 'confirm', value: 'yes' }, { number: numberOn(shown) });
    const deny = () => pressOn(world, victim, shown, 'deny');
    const { store } = world.app.parts;
    const { set, update } = store;
    let other: Page | undefined;
    const actBefore = async (act: () => Promise<Page>) => {
      Object.assign(store, { set, update });
      other = await act();
    };
    store.set = async (key, ...rest) => {
      if (`set ${key}`.startsWith(moment)) await actBefore(deny);
      return set(key, ...rest);
    };
    store.update = async (key, ...rest) => {
      if (`update ${key}`.startsWith(moment)) await actBefore(finish);
      return update(key, ...rest);
    };
    const first = await (moment === 'set sign-in:' ? finish() : deny());
    if (!other) throw new Error('nothing came in between');
    return moment === 'set sign-in:' ? { end: first, denied: other } : { end: other, denied: first };
  }

  test.each(['update account:', 'set sign-in:'] as const)(
    'T2: "this was not me" in the moment in which the sign-in is finished takes it back: %s',
    async (moment) => {
      const { end, denied } = await deniedAt(moment);
      expect(denied.status).toBe(200);
      const location = end.headers.get('location') ?? '';
      const tokens = exchange(await world.client(), begun.request, location);
      await expect(tokens).rejects.toMatchObject({ error: 'invalid_grant' });
      const account = await world.app.parts.accounts.findByIdentifier(`victim-${people}`);
      expect(account?.review?.reasons).toContain('denied-by-person');
    },
  );

  test.each(['AAAAAAAAAAAAAAAAAAAAAA', 'x', '%00', '..%2f..%2ffinish'])(
    'T2: the wrong return token %j shows nothing and changes nothing',
    async (token) => {
      await captured();
      const page = await victim.get(`${world.issuer}/interaction/${begun.uid}/return/${token}`);
      expect([403, 404]).toContain(page.status);
      expect(page.text).not.toMatch(/data-number|name="deny"/);
      const denied = await victim.request(`${world.issuer}/interaction/${begun.uid}/deny`, { form: { token } });
      expect(denied.status).toBe(403);
      expect(await visit(world, begun, '/waiting')).toMatchObject({ status: 200 });
    },
  );

  test('T2: looking does not stop anything: GET of the return page may be repeated, and its number stays the same', async () => {
    await captured();
    const pages = [await comeBack(world, begun, victim), await comeBack(world, begun, victim)];
    expect(numberOn(pages[0] as Page)).toBe(numberOn(pages[1] as Page));
    expect((await visit(world, begun, '/waiting')).status).toBe(200);
  });

  test.each([
    ['a VPN', 'vpn'],
    ['a phone in another place', 'phone'],
    ['a phone on the same network', 'phone_same_address'],
  ])('T2: returned here, but captured behind %s: the number is asked all the same', async (_name, capture) => {
    await world.sandbox.open(begun.sessionId, { userAgent: attacker.userAgent });
    await world.sandbox.settle(begun.sessionId, 'approve', { capture });
    await attacker.get(returnUrl(world, begun), (location) => isOutside(world, location));
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
  });

  test('T2: returned here from another network with the same kind of browser goes on, as the token came back here', async () => {
    await world.sandbox.open(begun.sessionId, { userAgent: attacker.userAgent, address: FAR });
    await world.sandbox.settle(begun.sessionId, 'approve');
    await until('the verdict', async () => asksNumber(await visit(world, begun, '/waiting')));
    expect(isAtClient(world, await comeBack(world, begun))).toBe(true);
  });

  test('T2: no analysis at all and no return: nothing ties the face to this browser', async () => {
    await world.sandbox.open(begun.sessionId, { userAgent: attacker.userAgent });
    await world.sandbox.settle(begun.sessionId, 'approve', { capture: null });
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    expect(isAtClient(world, await comeBack(world, begun))).toBe(true);
  });

  test('T2: the return token must reach the device that showed the face: always completer', () => {
    const sent = world.sandbox.calls().filter(({ call }) => call === 'create');
    expect(sent.length).toBeGreaterThan(0);
    for (const { body } of sent) {
      expect(body).toMatchObject({ callback_method: 'completer' });
      expect((body as { callback: string }).callback).toMatch(/\/interaction\/[\w-]+\/return\/[\w-]{22}$/);
    }
  });

  test('T2: a second try has a number and a token of its own', async () => {
    await captured();
    const first = numberOn(await comeBack(world, begun, victim));
    const old = returnUrl(world, begun);
    await awaitPage(world, begun, 'the question for the number', asksNumber);
    const again = await pressOn(world, attacker, await visit(world, begun, '/waiting'), {
      name: 'begin',
      value: 'here',
    });
    const session = world.sandbox.sessions().find(({ url }) => url === again.headers.get('location'));
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second, { by: victim, address: FAR });
    // the attacker knows the first try's number and address, and has them not count for the second
    expect((await victim.get(old)).text).not.toMatch(/data-number/);
    await attacker.get(old, (location) => isOutside(world, location));
    await awaitPage(world, second, 'the question for the number', asksNumber);
    expect((await confirm(first)).status).toBe(422);
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
  });

  test('T2: forms of the capturing device must come from our own page', async () => {
    await captured();
    const page = await comeBack(world, begun, victim);
    const token = parse(page.text).querySelector('input[name=token]')?.getAttribute('value') ?? '';
    const crossSite = await victim.request(`${world.issuer}/interaction/${begun.uid}/deny`, {
      form: { token },
      headers: { 'sec-fetch-site': 'cross-site' },
    });
    expect(crossSite.status).toBe(403);
    expect((await visit(world, begun, '/waiting')).status).toBe(200);
  });
});

describe('our own hand-off to a phone (invariant 9)', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ policy: UNLIMITED });
    await world.enrol('dora');
  });
  afterAll(() => world.close());

  async function toPhone(browser: Browser): Promise<Begun & { waiting: Page; address: string }> {
    const request = await world.authorize();
    const first = await browser.get(request.url);
    expect(buttonsOf(first)).toContain('begin=phone');
    const pressed = await pressOn(
      world,
      browser,
      first,
      { name: 'begin', value: 'phone' },
      { identifier: 'dora', biometric_consent: 'yes' },
    );
    const uid = /\/interaction\/([^/?]+)/.exec(first.url)?.[1] ?? '';
    const address = readQr(parse(pressed.text).querySelector('.qr svg')?.outerHTML ?? '');
    const sessionId = world.sandbox.sessions().at(-1)?.id ?? '';
    return { browser, request, uid, page: pressed, sessionId, hostedUrl: '', waiting: pressed, address };
  }

  test('T2: a QR code of a one-time address of ours; the phone sees the facts first, and the desktop asks the number', async () => {
    const desktop = new Browser();
    const phone = new Browser({ userAgent: PHONE_SAFARI });
    const begun = await toPhone(desktop);
    expect(begun.waiting.url).toBe(`${world.issuer}/interaction/${begun.uid}/waiting`);
    expect(begun.address.startsWith(`${world.issuer}/interaction/${begun.uid}/phone/`)).toBe(true);
    // neither our one-time address nor the vendor's stands anywhere as text
    expect(begun.waiting.text).not.toContain(begun.address);
    expect(begun.waiting.text).not.toContain(world.sandbox.session(begun.sessionId).url);

    // looked at by a link preview first: nothing is used up
    await new Browser().get(begun.address);
    const facts = await phone.get(begun.address);
    expect(facts.status).toBe(200);
    for (const fact of ['Example App', 'dora', 'Chrome on Windows', '127.0.0.1'])
      expect(wordsOf(facts)).toContain(fact);
    const handed = await phone.press(facts, { name: 'begin', value: 'here' });
    expect(handed.headers.get('location')).toBe(world.sandbox.session(begun.sessionId).url);

    // used: for a second phone, and for this one
    expect((await new Browser().get(begun.address)).status).toBe(403);
    expect((await phone.press(facts, { name: 'begin', value: 'here' })).status).toBe(403);

    await showFace(world, begun, { by: phone, address: FAR });
    const back = await comeBack(world, begun, phone);
    expect(back.status).toBe(403);
    const asked = await awaitPage(world, begun, 'the question for the number', asksNumber);
    expect(fieldsOf(asked)).toContain('number');
    const end = await pressOn(world, desktop, asked, 'confirm', { number: numberOn(back) });
    expect(answerOf(world, end).get('code')).not.toBeNull();
  });

  test('T2: two phones at the same moment: one of them gets on', async () => {
    const begun = await toPhone(new Browser());
    const phones = [new Browser({ userAgent: PHONE_SAFARI }), new Browser({ userAgent: PHONE_SAFARI })];
    const pages = await Promise.all(
      phones.map(async (phone) => phone.press(await phone.get(begun.address), { name: 'begin', value: 'here' })),
    );
    expect(pages.map(({ status }) => status).sort()).toEqual([303, 403]);
    await giveUp(world, begun.browser, await visit(world, begun, '/waiting'));
  });

  test('T2: after the end, the one-time address leads nowhere', async () => {
    const begun = await toPhone(new Browser());
    await giveUp(world, begun.browser, begun.waiting);
    expect((await new Browser().get(begun.address)).status).toBe(403);
  });

  test('a phone is not offered a phone', async () => {
    const first = await new Browser({ userAgent: PHONE_SAFARI }).get((await world.authorize()).url);
    expect(buttonsOf(first)).not.toContain('begin=phone');
  });
});

describe('cross_device: off', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ policy: { ...UNLIMITED, crossDevice: 'off' } });
    await world.enrol('erik');
  });
  afterAll(() => world.close());

  test('T2: a capture elsewhere is refused, without a number that could be passed on', async () => {
    const attacker = new Browser();
    const victim = new Browser({ userAgent: PHONE_SAFARI });
    const first = await attacker.get((await world.authorize()).url);
    expect(buttonsOf(first)).not.toContain('begin=phone');
    const begun = await world.begin(attacker, 'erik');
    await showFace(world, begun, { by: victim, address: FAR });
    const back = await comeBack(world, begun, victim);
    expect(back.status).toBe(403);
    expect(back.text).not.toMatch(/data-number/);
    const refused = await awaitPage(
      world,
      begun,
      'the refusal',
      (page) => !page.text.includes('id="live"') && buttonsOf(page).includes('begin=here'),
    );
    expect(fieldsOf(refused)).not.toContain('number');
    expect(isAtClient(world, await visit(world, begun, '/finish'))).toBe(false);
    // asking for the phone by hand is no way around
    const pressed = await attacker.press(refused, { name: 'begin', value: 'here' }, { begin: 'phone' });
    expect(pressed.headers.get('location')).toContain(world.sandbox.url);
    const session = world.sandbox.sessions().find(({ url }) => url === pressed.headers.get('location'));
    const second = { ...begun, sessionId: String(session?.id) };
    await showFace(world, second);
    expect((await world.finish(second)).id_token).toBeDefined();
  });
});

function isOutside(world: World, location: string): boolean {
  return !location.startsWith(world.issuer);
}
