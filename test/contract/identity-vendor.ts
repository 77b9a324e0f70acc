// What every identity vendor must do for a login, whoever it is: run this with a vendor and a hand on its other side.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { VerificationStatus } from '../../src/core/verdict-types.ts';
import type { IdentityVendor, RawDelivery, VerificationRequest } from '../../src/login/ports.ts';

/** A vendor with its other side in hand: what people and failures do there. */
export interface VendorUnderTest {
  readonly vendor: IdentityVendor;
  /** the same vendor with a key it does not accept */
  readonly refused: IdentityVendor;
  /** a workflow with documents and a selfie */
  readonly workflowId: string;
  readonly webhookUrl: string;
  /** The person passes, or does not; resolves to the delivery that told of it, as it came. */
  settle(verificationId: string, outcome: 'approved' | 'declined'): Promise<RawDelivery>;
  /** Somebody at the vendor turns an approval into a decline, and no delivery tells of it. */
  overturn(verificationId: string): Promise<void>;
  /** Another customer of the vendor shares an approved verification; resolves to the token. */
  share(how: 'with-us' | 'with-somebody-else' | 'too-long-ago'): Promise<string>;
  /** Whether the vendor keeps anything of this person beside verifications. */
  keeps(subject: string): boolean;
  /** From now on, or no longer, nothing usable comes back. */
  setDown(down: boolean): void;
  close(): Promise<void>;
}

export function identityVendorContract(name: string, setup: () => Promise<VendorUnderTest>): void {
  describe(`${name} as an identity vendor`, () => {
    let under: VendorUnderTest;
    let people = 0;
    let request: VerificationRequest;

    beforeAll(async () => {
      under = await setup();
    });
    afterAll(() => under.close());
    beforeEach(() => {
      people++;
      request = {
        workflowId: under.workflowId,
        subject: `person-${people}`,
        returnUrl: 'https://id.example/interaction/u/return/t',
        locales: ['de-CH', 'en'],
        metadata: { purpose: 'enrol' },
      };
    });

    async function settled(outcome: 'approved' | 'declined') {
      const { verificationId } = await under.vendor.openVerification(request);
      const delivery = await under.settle(verificationId, outcome);
      const verdict = await under.vendor.readVerification(verificationId);
      if (verdict === undefined) throw new Error('the vendor forgot the verification');
      return { verificationId, delivery, verdict };
    }

    test('opens a verification and says where to send the browser', async () => {
      const opened = await under.vendor.openVerification(request);
      expect(opened.verificationId).not.toBe('');
      expect(opened.status).toBe('not-started');
      expect(URL.canParse(opened.url)).toBe(true);
    });

    test('a repeated opening costs no second verification; another person gets another one', async () => {
      const [first, again] = [
        await under.vendor.openVerification(request),
        await under.vendor.openVerification(request),
      ];
      expect(again.verificationId).toBe(first.verificationId);
      const other = await under.vendor.openVerification({ ...request, subject: `${request.subject}-other` });
      expect(other.verificationId).not.toBe(first.verificationId);
    });

    test('a new opening after the end of one is a new verification', async () => {
      const { verificationId } = await settled('declined');
      expect((await under.vendor.openVerification(request)).verificationId).not.toBe(verificationId);
    });

    test('one under way is neither approved nor unknown', async () => {
      const { verificationId } = await under.vendor.openVerification(request);
      const verdict = await under.vendor.readVerification(verificationId);
      expect(verdict).toMatchObject({ verificationId, status: 'not-started', subject: request.subject });
    });

    test('an approved one says who, what and how', async () => {
      const { verificationId, verdict } = await settled('approved');
      expect(verdict).toMatchObject({
        verificationId,
        status: 'approved',
        subject: request.subject,
        workflowId: request.workflowId,
        complete: true,
      });
      for (const checks of [verdict.liveness, verdict.faceMatches, verdict.documents]) {
        expect(checks.length).toBeGreaterThan(0);
        expect(checks.every(({ status }) => status === 'approved')).toBe(true);
      }
      expect(verdict.liveness.every(({ method }) => method !== 'unknown')).toBe(true);
    });

    test('a declined one is declined', async () => {
      const { verdict } = await settled('declined');
      expect(verdict.status).toBe('declined');
      const checks = [...verdict.liveness, ...verdict.faceMatches, ...verdict.documents];
      expect(checks.some(({ status }) => status === 'declined')).toBe(true);
    });

    test('what it knows nothing of is undefined', async () => {
      for (const id of ['00000000-0000-4000-8000-000000000000', 'no-such-id', '', '../decision', 'A/B?c#d']) {
        await expect(under.vendor.readVerification(id)).resolves.toBeUndefined();
      }
    });

    test('a deleted one is gone, and may be deleted again', async () => {
      const { verificationId } = await under.vendor.openVerification(request);
      await under.vendor.deleteVerification(verificationId);
      await under.vendor.deleteVerification(verificationId);
      await expect(under.vendor.readVerification(verificationId)).resolves.toBeUndefined();
      expect((await under.vendor.openVerification(request)).verificationId).not.toBe(verificationId);
    });

    test('a forgotten person is gone with the kept face, alone, and may be forgotten again; verifications stay', async () => {
      const { verificationId } = await settled('approved');
      await under.vendor.openVerification({ ...request, subject: `${request.subject}-other` });
      expect(under.keeps(request.subject)).toBe(true);
      await under.vendor.forgetSubject(request.subject);
      await under.vendor.forgetSubject(request.subject);
      await under.vendor.forgetSubject('nobody-has-this-name');
      await under.vendor.forgetSubject('');
      expect([request.subject, `${request.subject}-other`].map(under.keeps)).toEqual([false, true]);
      await expect(under.vendor.readVerification(verificationId)).resolves.toMatchObject({ status: 'approved' });
    });

    const walk = async (status: VerificationStatus, limit: number) => {
      const pages: (readonly { verificationId: string; status: VerificationStatus }[])[] = [];
      do pages.push(await under.vendor.listVerifications({ status, offset: pages.length * limit, limit }));
      while (pages.at(-1)?.length === limit && pages.length < 100);
      return { pages, entries: pages.flat(), ids: pages.flat().map(({ verificationId }) => verificationId) };
    };

    test('verifications are listed under what they are now, page by page to the end', async () => {
      const mine: string[] = [];
      for (let i = 0; i < 3; i++) mine.push((await settled('approved')).verificationId);
      const { pages, entries, ids } = await walk('approved', 2);
      expect(ids).toEqual(expect.arrayContaining(mine));
      expect(new Set(ids).size).toBe(ids.length);
      expect(entries.every(({ status }) => status === 'approved')).toBe(true);
      expect(pages.at(-1)?.length).toBeLessThan(2);
      expect((await walk('declined', 50)).ids).not.toEqual(expect.arrayContaining(mine));
    });

    test('a verdict that turned without a word is found in the list', async () => {
      const { verificationId } = await settled('approved');
      expect((await walk('declined', 50)).ids).not.toContain(verificationId);
      await under.overturn(verificationId);
      expect((await walk('declined', 50)).ids).toContain(verificationId);
      expect((await walk('approved', 50)).ids).not.toContain(verificationId);
    });

    test('what has no name at the vendor is not listed', async () => {
      expect((await walk('unknown', 10)).entries).toEqual([]);
    });

    const importing = async (shareToken: string, trustReview = true) =>
      under.vendor.importShared({
        shareToken,
        workflowId: under.workflowId,
        subject: `${request.subject}-imported`,
        trustReview,
      });

    test('a shared verification becomes one of ours, under our name and with what was found', async () => {
      const { verificationId } = await importing(await under.share('with-us'));
      const verdict = await under.vendor.readVerification(verificationId);
      expect(verdict).toMatchObject({
        status: 'approved',
        subject: `${request.subject}-imported`,
        workflowId: request.workflowId,
        complete: true,
        documents: [{ status: 'approved' }],
        identity: { documentNumber: expect.any(String) },
      });
      expect((await under.vendor.fetchPortrait(verdict?.portraitUrls[0] ?? '')).kind).toBe('jpeg');
    });

    test('one whose review is not trusted is in review', async () => {
      const { verificationId } = await importing(await under.share('with-us'), false);
      await expect(under.vendor.readVerification(verificationId)).resolves.toMatchObject({ status: 'in-review' });
    });

    test('a token that is used, too old, meant for another or made up is refused, and not repeated in the error', async () => {
      const used = await under.share('with-us');
      await importing(used);
      const tokens = [used, await under.share('with-somebody-else'), await under.share('too-long-ago'), 'x.y.z', ''];
      for (const token of tokens) {
        const error = await importing(token).catch((caught: unknown) => caught);
        expect(error).toMatchObject({ code: 'shared_verification_refused' });
        if (token !== '') expect(`${error} ${JSON.stringify(error)}`).not.toContain(token);
      }
    });

    test('a key that is not accepted is a refusal', async () => {
      const { verificationId } = await under.vendor.openVerification(request);
      await expect(under.refused.openVerification(request)).rejects.toMatchObject({ code: 'vendor_refused' });
      await expect(under.refused.readVerification(verificationId)).rejects.toMatchObject({ code: 'vendor_refused' });
      await expect(under.refused.deleteVerification(verificationId)).rejects.toMatchObject({ code: 'vendor_refused' });
      await expect(under.refused.forgetSubject('x')).rejects.toMatchObject({ code: 'vendor_refused' });
      await expect(under.refused.listVerifications({ status: 'approved', offset: 0, limit: 5 })).rejects.toMatchObject({
        code: 'vendor_refused',
      });
      await expect(
        under.refused.importShared({ shareToken: 't', workflowId: 'w', subject: 'x', trustReview: true }),
      ).rejects.toMatchObject({ code: 'vendor_refused' });
      const findings = await under.refused.inspect({ webhookUrl: under.webhookUrl });
      expect(findings.some(({ level }) => level === 'fault')).toBe(true);
    });

    test('the picture of an approved face can be fetched; anything else is said to be unusable', async () => {
      const { verdict } = await settled('approved');
      const [url] = verdict.portraitUrls;
      const reading = await under.vendor.fetchPortrait(url ?? '');
      if (reading.kind !== 'jpeg') throw new Error(`unusable: ${reading.reason}`);
      expect([...reading.bytes.slice(0, 3)]).toEqual([0xff, 0xd8, 0xff]);
      for (const other of ['', 'x', 'https://169.254.169.254/latest', 'http://192.168.0.1/p.jpg', `${url}-no-such`]) {
        expect((await under.vendor.fetchPortrait(other)).kind).toBe('unusable');
      }
    });

    test('the fetched picture serves as the portrait of the next login', async () => {
      const { verdict } = await settled('approved');
      const reading = await under.vendor.fetchPortrait(verdict.portraitUrls[0] ?? '');
      if (reading.kind !== 'jpeg') throw new Error(`unusable: ${reading.reason}`);
      await expect(under.vendor.openVerification({ ...request, portrait: reading.bytes })).resolves.toBeDefined();
    });

    test('a delivery as it came is believed, and says what a look would have said', async () => {
      const { verificationId, delivery, verdict } = await settled('approved');
      const reading = under.vendor.readDelivery(delivery);
      if (reading.kind !== 'believed' || reading.event.kind !== 'verification')
        throw new Error(JSON.stringify(reading));
      const { decidedAt, toldAt, portraitUrls: _fresh, ...told } = reading.event.verdict;
      expect(told.verificationId).toBe(verificationId);
      // the one by the vendor's clock, the other by ours
      expect([toldAt, verdict.toldAt]).toEqual([decidedAt, undefined]);
      expect(verdict).toMatchObject(told);
    });

    test('a copy of a delivery has the same key, another event another one', async () => {
      const [first, second] = [(await settled('approved')).delivery, (await settled('declined')).delivery];
      const keyOf = (delivery: RawDelivery) => {
        const reading = under.vendor.readDelivery(delivery);
        return reading.kind === 'believed' ? reading.eventKey : reading.reason;
      };
      expect(keyOf(first)).toBe(keyOf({ headers: { ...first.headers }, body: first.body.slice() }));
      expect(keyOf(first)).not.toBe(keyOf(second));
    });

    test('a delivery that was changed, stripped or made up is refused, and nothing throws', async () => {
      const { delivery } = await settled('declined');
      const text = new TextDecoder().decode(delivery.body);
      const changed = new TextEncoder().encode(text.replaceAll('Declined', 'Approved'));
      const forged: RawDelivery[] = [
        { ...delivery, body: changed },
        { ...delivery, body: delivery.body.slice(0, -1) },
        { ...delivery, body: new Uint8Array() },
        { headers: { 'content-type': 'application/json' }, body: delivery.body },
        { headers: {}, body: new Uint8Array([0xff, 0xfe]) },
      ];
      for (const one of forged) expect(under.vendor.readDelivery(one).kind).toBe('refused');
    });

    test('a webhook destination that fits has no faults, one that does not is found', async () => {
      const levels = async (webhookUrl: string) =>
        (await under.vendor.inspect({ webhookUrl })).map(({ level }) => level);
      expect(await levels(under.webhookUrl)).not.toContain('fault');
      expect(await levels('https://elsewhere.example/webhooks')).toContain('fault');
    });

    test('a vendor that is down is unavailable, never unknown, and comes back', async () => {
      const { verificationId } = await under.vendor.openVerification(request);
      under.setDown(true);
      const unavailable = { code: 'vendor_unavailable' };
      await expect(under.vendor.openVerification(request)).rejects.toMatchObject(unavailable);
      await expect(under.vendor.readVerification(verificationId)).rejects.toMatchObject(unavailable);
      await expect(under.vendor.deleteVerification(verificationId)).rejects.toMatchObject(unavailable);
      await expect(under.vendor.forgetSubject('x')).rejects.toMatchObject(unavailable);
      await expect(walk('approved', 5)).rejects.toMatchObject(unavailable);
      await expect(importing('t')).rejects.toMatchObject(unavailable);
      expect((await under.vendor.fetchPortrait('https://[::1]/p.jpg')).kind).toBe('unusable');
      under.setDown(false);
      await expect(under.vendor.readVerification(verificationId)).resolves.toMatchObject({ verificationId });
    });
  });
}
