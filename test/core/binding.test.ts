import { describe, expect, test } from '@jest/globals';
import { type BindingFacts, judgeBinding, type LoginOrigin } from '../../src/core/binding.ts';
import type { CaptureAnalysis } from '../../src/core/verdict-types.ts';

const desktop: LoginOrigin = {
  address: '198.51.100.7',
  browserFamily: 'chrome',
  platform: 'desktop',
  label: 'Chrome on Windows',
  startedAt: 1_800_000_000,
};
const here: CaptureAnalysis = { address: '198.51.100.7', platform: 'desktop', browserFamily: 'Chrome' };
const phone: CaptureAnalysis = { address: '203.0.113.9', platform: 'mobile', browserFamily: 'Mobile Safari' };
const nothing: BindingFacts = {
  origin: desktop,
  captures: [],
  returnedHere: false,
  returnedElsewhere: false,
  confirmed: false,
};
const judge = (facts: Partial<BindingFacts>, crossDevice: 'confirm' | 'off' = 'confirm') =>
  judgeBinding({ ...nothing, ...facts }, crossDevice);

describe('was the face shown by whoever holds this browser? (T2, invariant 1)', () => {
  test('the same address, device class and browser family need no return', () => {
    expect(judge({ captures: [here] })).toEqual({ kind: 'bound', by: 'same-device' });
    expect(judge({ captures: [here] }, 'off')).toEqual({ kind: 'bound', by: 'same-device' });
  });

  const almost: [string, CaptureAnalysis][] = [
    ['another address', { ...here, address: '198.51.100.8' }],
    ['no address', { platform: 'desktop', browserFamily: 'Chrome' }],
    ['another device class', { ...here, platform: 'tablet' }],
    ['no device class', { address: here.address as string, browserFamily: 'Chrome' }],
    ['another browser family', { ...here, browserFamily: 'Firefox' }],
    ['no browser family', { address: here.address as string, platform: 'desktop' }],
    ['a browser nobody knows', { ...here, browserFamily: 'Lynx' }],
  ];
  test.each(almost)('%s is not the same device', (_name, capture) => {
    expect(judge({ captures: [capture] })).not.toMatchObject({ kind: 'bound' });
  });

  test('every device in the analysis must be this one, not only the first', () => {
    expect(judge({ captures: [here, phone] })).toEqual({ kind: 'elsewhere', reasons: ['phone-for-desktop'] });
  });

  test('an unknown browser equals nothing, not even itself', () => {
    const origin = { ...desktop, browserFamily: 'other' } as const;
    expect(judge({ origin, captures: [{ ...here, browserFamily: 'other' }] })).toEqual({ kind: 'unproven' });
  });

  test('IPv6 is compared by its /64', () => {
    const origin = { ...desktop, address: '2001:db8:1:2::1' };
    expect(judge({ origin, captures: [{ ...here, address: '2001:db8:1:2:9::9' }] })).toMatchObject({ kind: 'bound' });
    expect(judge({ origin, captures: [{ ...here, address: '2001:db8:1:3::1' }] })).toEqual({ kind: 'unproven' });
  });

  test('nothing at all proves nothing', () => {
    expect(judge({})).toEqual({ kind: 'unproven' });
    expect(judge({}, 'off')).toEqual({ kind: 'unproven' });
  });

  test('the return token in this browser is enough where nothing contradicts it', () => {
    expect(judge({ returnedHere: true })).toEqual({ kind: 'bound', by: 'return' });
    const roaming = { ...here, address: '203.0.113.9' };
    expect(judge({ returnedHere: true, captures: [roaming] })).toEqual({ kind: 'bound', by: 'return' });
    const otherFamily = { ...here, address: '2001:db8::1' };
    expect(judge({ returnedHere: true, captures: [otherFamily] })).toEqual({ kind: 'bound', by: 'return' });
  });

  const contradictions: [string, Partial<BindingFacts>, string][] = [
    ['a phone took the picture for a desktop', { captures: [phone] }, 'phone-for-desktop'],
    [
      'a phone did for a browser nobody knows',
      { origin: { ...desktop, platform: 'unknown' }, captures: [phone] },
      'phone-for-desktop',
    ],
    [
      'the capture came out of a VPN, the login did not',
      { captures: [{ ...here, address: '203.0.113.9', anonymising: true }] },
      'anonymising-one-side',
    ],
    [
      'the login came out of a VPN, the capture did not',
      { origin: { ...desktop, anonymising: 'vpn' }, captures: [{ ...here, address: '203.0.113.9' }] },
      'anonymising-one-side',
    ],
    [
      'the two are in different countries',
      {
        origin: { ...desktop, country: 'DE' },
        captures: [{ ...here, address: '203.0.113.9', country: 'BR' }],
      },
      'other-country',
    ],
  ];
  test.each(contradictions)('although it came back here: %s, so the number is asked', (_name, facts, reason) => {
    expect(judge({ ...facts, returnedHere: true })).toEqual({ kind: 'elsewhere', reasons: [reason] });
    expect(judge({ ...facts, returnedHere: true }, 'off')).toEqual({ kind: 'refused', reasons: [reason] });
  });

  test('a VPN on both sides, or on the very same address, contradicts nothing', () => {
    const behind = { ...here, address: '203.0.113.9', anonymising: true };
    expect(judge({ origin: { ...desktop, anonymising: 'vpn' }, captures: [behind], returnedHere: true })).toMatchObject(
      {
        kind: 'bound',
      },
    );
    expect(
      judge({ captures: [{ ...here, browserFamily: 'Edge', anonymising: true }], returnedHere: true }),
    ).toMatchObject({ kind: 'bound' });
  });

  test('a tablet that came back here as the desktop it takes itself for contradicts nothing', () => {
    const tablet = { ...here, platform: 'tablet' } as const;
    expect(judge({ captures: [tablet], returnedHere: true })).toEqual({ kind: 'bound', by: 'return' });
    expect(judge({ captures: [tablet] })).toEqual({ kind: 'unproven' });
  });

  test.each([
    ['', []],
    [', also behind the same address and in the same kind of browser', [here]],
  ])('a return in another browser%s is elsewhere, until the number says otherwise', (_where, captures) => {
    const elsewhere = { kind: 'elsewhere', reasons: ['returned-elsewhere'] };
    expect(judge({ returnedElsewhere: true, captures })).toEqual(elsewhere);
    expect(judge({ returnedElsewhere: true, captures }, 'off')).toEqual({ ...elsewhere, kind: 'refused' });
    expect(judge({ returnedElsewhere: true, confirmed: true })).toEqual({ kind: 'bound', by: 'number' });
    expect(judge({ captures: [phone], confirmed: true })).toEqual({ kind: 'bound', by: 'number' });
  });

  test('cross_device: off refuses what is elsewhere, whatever number was typed', () => {
    expect(judge({ returnedElsewhere: true, confirmed: true }, 'off')).toEqual({
      kind: 'refused',
      reasons: ['returned-elsewhere'],
    });
    expect(judge({ captures: [phone], confirmed: true }, 'off')).toMatchObject({ kind: 'refused' });
  });
});
