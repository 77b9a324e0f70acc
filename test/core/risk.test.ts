import { describe, expect, test } from '@jest/globals';
import {
  type Anonymising,
  assess,
  DEFAULT_RULES,
  type Demand,
  foldIn,
  type RiskSignals,
  RULE_DEFAULTS,
  RULE_NAMES,
  RULES,
  type RuleName,
  type RuleSetting,
} from '../../src/core/risk.ts';
import { DAY, HOUR, NOW, quiet } from './risk-rules/signals.ts';

const rule = (name: RuleName, asks: Demand, final = false): RuleSetting => ({ rule: name, asks, final, options: {} });
const reversed = [...DEFAULT_RULES].reverse();
/** speaks to nearly every rule */
const loud: RiskSignals = {
  now: NOW,
  device: 'new',
  network: 'new',
  anonymising: 'tor',
  underReview: true,
  declines: [NOW, NOW, NOW],
  scopes: ['payments'],
  here: { latitude: -33.9, longitude: 151.2 },
  last: { at: NOW - HOUR, place: { latitude: 52.5, longitude: 13.4 } },
};

describe('the rules as they come', () => {
  test('the defaults are these', () => {
    expect(RULE_DEFAULTS).toEqual({
      account_under_review: { asks: 'active', options: {} },
      repeated_declines: { asks: 'active', options: { count: 3, hours: 24 } },
      anonymising_new_device: { asks: 'active', options: {} },
      anonymising_network: { asks: 'passive', options: {} },
      impossible_travel: { asks: 'active', options: { kmh: 1000, km: 300 } },
      sensitive_scope: { asks: 'active', options: { scopes: [] } },
      selfie_age: { asks: 'passive', options: { days: 30 } },
      new_device: { asks: 'passive', options: {} },
      new_network: { asks: 'passive', options: {} },
      known_device_and_network: { asks: 'skip', options: {} },
    });
  });

  test('the policy of an operator who sets none: every rule in order, none final', () => {
    expect(DEFAULT_RULES.map((setting) => setting.rule)).toEqual([...RULE_NAMES]);
    expect(DEFAULT_RULES).toEqual(RULE_NAMES.map((name) => ({ rule: name, ...RULE_DEFAULTS[name], final: false })));
  });

  test.each(RULE_NAMES)('%s gives its own name as reason', (name) => {
    const signals = name === 'known_device_and_network' ? quiet : loud;
    const [reason] = assess(signals, [{ ...rule(name, 'active'), options: { scopes: ['payments'] } }]).reasons;
    const kebab = name.replaceAll('_', '-');
    expect(reason === kebab || reason?.startsWith(`${kebab}:`)).toBe(true);
    expect(Object.keys(RULES)).toContain(name);
  });
});

describe('device and network', () => {
  const { lastSelfieAt: _, ...stranger } = { ...quiet, device: 'new' as const };
  const cases: [string, RiskSignals, Demand, string[]][] = [
    ['known device, known network', quiet, 'skip', ['known-device-and-network']],
    ['known device, new network', { ...quiet, network: 'new' }, 'passive', ['new-network']],
    [
      'new device, new network',
      { ...stranger, network: 'new' },
      'passive',
      ['selfie-age:none', 'new-device', 'new-network'],
    ],
    ['new device, known network', stranger, 'passive', ['selfie-age:none', 'new-device']],
    [
      'new device, Tor',
      { ...stranger, network: 'new', anonymising: 'tor' },
      'active',
      ['anonymising-new-device:tor', 'anonymising-network:tor', 'selfie-age:none', 'new-device', 'new-network'],
    ],
    [
      'new device, VPN, known network',
      { ...stranger, anonymising: 'vpn' },
      'active',
      ['anonymising-new-device:vpn', 'anonymising-network:vpn', 'selfie-age:none', 'new-device'],
    ],
    [
      'known device, known network, Tor',
      { ...quiet, anonymising: 'tor' },
      'passive',
      ['anonymising-network:tor', 'known-device-and-network'],
    ],
    [
      'known device, new network, VPN',
      { ...quiet, network: 'new', anonymising: 'vpn' },
      'passive',
      ['anonymising-network:vpn', 'new-network'],
    ],
    [
      'known device, known network, a table that names nothing',
      { ...quiet, anonymising: 'none' },
      'skip',
      ['known-device-and-network'],
    ],
  ];
  test.each(cases)('%s', (_name, signals, demand, reasons) => {
    expect(assess(signals, DEFAULT_RULES)).toEqual({ demand, reasons });
    expect(assess(signals, reversed)).toEqual({ demand, reasons: reasons.toReversed() });
  });
});

describe('who decides', () => {
  const skip = rule('known_device_and_network', 'skip');
  const passive = rule('account_under_review', 'passive');
  const active = rule('selfie_age', 'active');
  const silent = rule('new_device', 'active');
  const { lastSelfieAt: _, ...all } = { ...quiet, underReview: true };

  test('nobody: a selfie is asked for', () => {
    const open: Demand = 'passive';
    expect(assess(quiet, [])).toEqual({ demand: open, reasons: ['no-rule-spoke'] });
    expect(assess(quiet, [silent])).toEqual({ demand: open, reasons: ['no-rule-spoke'] });
    expect(
      assess(quiet, [
        { ...silent, final: true },
        { ...silent, asks: 'skip' },
      ]),
    ).toEqual({
      demand: open,
      reasons: ['no-rule-spoke'],
    });
  });

  const orders: [string, RuleSetting[], Demand, string][] = [
    ['one', [skip], 'skip', 'known-device-and-network'],
    ['a silent one beside it', [silent, skip], 'skip', 'known-device-and-network'],
    ['skip before passive', [skip, passive], 'passive', 'known-device-and-network account-under-review'],
    ['passive before skip', [passive, skip], 'passive', 'account-under-review known-device-and-network'],
    ['skip before active', [skip, active], 'active', 'known-device-and-network selfie-age:none'],
    ['active before skip', [active, skip], 'active', 'selfie-age:none known-device-and-network'],
    ['passive before active', [passive, active], 'active', 'account-under-review selfie-age:none'],
    ['active before passive', [active, passive], 'active', 'selfie-age:none account-under-review'],
    [
      'active in the middle',
      [skip, active, passive],
      'active',
      'known-device-and-network selfie-age:none account-under-review',
    ],
    ['one rule twice', [active, { ...active, asks: 'skip' }], 'active', 'selfie-age:none selfie-age:none'],
  ];
  test.each(orders)('the strongest: %s', (_name, rules, demand, reasons) => {
    expect(assess(all, rules)).toEqual({ demand, reasons: reasons.split(' ') });
  });

  const finals: [string, RuleSetting[], Demand, string][] = [
    ['a final skip ends the asking', [{ ...skip, final: true }, active], 'skip', 'known-device-and-network'],
    ['a final passive does', [{ ...passive, final: true }, active], 'passive', 'account-under-review'],
    [
      'not what stood before it',
      [active, { ...skip, final: true }, passive],
      'active',
      'selfie-age:none known-device-and-network',
    ],
    ['not while it is silent', [{ ...silent, final: true }, passive], 'passive', 'account-under-review'],
    [
      'only the first that speaks',
      [
        { ...silent, final: true },
        { ...skip, final: true },
        { ...active, final: true },
      ],
      'skip',
      'known-device-and-network',
    ],
    [
      'as the last it changes nothing',
      [active, passive, { ...skip, final: true }],
      'active',
      'selfie-age:none account-under-review known-device-and-network',
    ],
  ];
  test.each(finals)('final: %s', (_name, rules, demand, reasons) => {
    expect(assess(all, rules)).toEqual({ demand, reasons: reasons.split(' ') });
  });

  test('the options of the policy reach the rule, those left out are the defaults', () => {
    const declines = [NOW - 2 * DAY, NOW, NOW];
    const asked = (options: RuleSetting['options']) =>
      assess({ ...quiet, declines }, [{ ...rule('repeated_declines', 'active'), options }]).demand;
    expect(asked({})).toBe('passive');
    expect(asked({ count: 2 })).toBe('active');
    expect(asked({ hours: 48 })).toBe('active');
    expect(asked({ count: 3, hours: 47 })).toBe('passive');
  });
});

describe('more suspicion never asks for less', () => {
  const far = { latitude: -33.9, longitude: 151.2 };
  const home = { latitude: 52.5, longitude: 13.4 };
  /** Each signal as two rungs: values that nothing is said against, and values that something is. */
  const ladders: readonly (readonly (readonly Partial<RiskSignals>[])[])[] = [
    [[{ device: 'known' }], [{ device: 'new' }]],
    [[{ network: 'known' }], [{ network: 'new' }]],
    [
      [{}, { anonymising: 'none' }],
      [{ anonymising: 'hosting' }, { anonymising: 'vpn' }, { anonymising: 'proxy' }, { anonymising: 'tor' }],
    ],
    [[{ underReview: false }], [{ underReview: true }]],
    [
      [{ lastSelfieAt: NOW }, { lastSelfieAt: NOW - 30 * DAY }],
      [{}, { lastSelfieAt: NOW - 31 * DAY }, { lastSelfieAt: NOW + DAY }],
    ],
    [
      [{ declines: [] }, { declines: [NOW, NOW] }],
      [{ declines: [NOW, NOW, NOW] }, { declines: [NOW, NOW, NOW, NOW] }],
    ],
    [[{ scopes: [] }, { scopes: ['openid'] }], [{ scopes: ['openid', 'payments'] }]],
    [
      [{}, { here: far }, { last: { at: NOW, place: home } }, { here: far, last: { at: NOW - DAY, place: home } }],
      [
        { here: far, last: { at: NOW - HOUR, place: home } },
        { here: far, last: { at: NOW + HOUR, place: home } },
      ],
    ],
  ];
  const steps = ladders.map((rungs) => rungs.flatMap((values, rung) => values.map((value) => ({ value, rung }))));
  const strength: readonly Demand[] = ['skip', 'passive', 'active'];

  /** Every combination: what is taken from each ladder, and the signals which that makes. */
  const combinations = steps
    .reduce<number[][]>(
      (before, step) => before.flatMap((places) => step.map((_value, place) => [...places, place])),
      [[]],
    )
    .map((places) => {
      const taken = places.map((place, ladder) => steps[ladder]?.[place] ?? { value: {}, rung: Number.NaN });
      const signals: RiskSignals = Object.assign({ now: NOW } as RiskSignals, ...taken.map(({ value }) => value));
      return { places, signals, rungs: taken.map(({ rung }) => rung) };
    });
  const indexOf = new Map(combinations.map(({ places }, index) => [places.join(), index]));
  /** From each combination to each that differs in one signal, and not to its favour; within a rung both ways, so both ask the same. */
  const changes = combinations.flatMap(({ places, rungs }, from) =>
    steps.flatMap((step, ladder) =>
      step.flatMap(({ rung }, place) =>
        rung < (rungs[ladder] ?? Number.NaN)
          ? []
          : [{ from, to: indexOf.get(places.with(ladder, place).join()) ?? -1 }],
      ),
    ),
  );

  const rules = DEFAULT_RULES.map((setting) =>
    setting.rule === 'sensitive_scope' ? { ...setting, options: { scopes: ['payments'] } } : setting,
  );
  const policies: [string, RuleSetting[]][] = [
    ['as it comes', rules],
    ['in reverse', rules.toReversed()],
    ...rules.map((out): [string, RuleSetting[]] => [`without ${out.rule}`, rules.filter((setting) => setting !== out)]),
    ...rules.map((only): [string, RuleSetting[]] => [`${only.rule} alone`, [only]]),
    ...rules.map((first): [string, RuleSetting[]] => [
      `${first.rule} asks for active`,
      rules.map((setting) => (setting === first && first.asks !== 'skip' ? { ...setting, asks: 'active' } : setting)),
    ]),
  ];

  test('every combination is looked at', () => {
    expect(combinations.length).toBe(2 * 2 * 6 * 2 * 5 * 4 * 3 * 6);
    expect(indexOf.size).toBe(combinations.length);
    expect(changes.length).toBeGreaterThan(combinations.length * steps.length);
  });

  test.each(policies)('%s', (_name, policy) => {
    const demands = combinations.map(({ signals }) => strength.indexOf(assess(signals, policy).demand));
    const isLowered = ({ from, to }: { from: number; to: number }) =>
      !((demands[to] ?? Number.NaN) >= (demands[from] ?? Number.NaN));
    const lowered = changes.filter(isLowered);
    expect(lowered.map(({ from, to }) => [combinations[from]?.signals, combinations[to]?.signals])).toEqual([]);
  });

  test('only who has nothing against them is spared a selfie', () => {
    const spared = combinations.filter(({ signals }) => assess(signals, rules).demand === 'skip');
    const clean = combinations.filter(({ rungs }) => rungs.every((rung) => rung === 0));
    expect(spared.map(({ places }) => places)).toEqual(clean.map(({ places }) => places));
    expect(clean.length).toBe(2 * 2 * 2 * 2 * 4);
  });
});

describe('what the vendor saw is folded in', () => {
  const vpn = { anonymising: true };
  const dataCentre = { dataCentre: true };
  const nothing = { anonymising: false, dataCentre: false };
  const folds: [Anonymising | undefined, string, Parameters<typeof foldIn>[1], Anonymising | undefined][] = [
    [undefined, 'no capture', [], undefined],
    [undefined, 'a capture that says nothing', [{}], undefined],
    [undefined, 'a clean capture', [nothing], undefined],
    [undefined, 'VPN or Tor', [vpn], 'vpn'],
    [undefined, 'a data centre', [dataCentre], 'hosting'],
    [undefined, 'both', [{ ...vpn, ...dataCentre }], 'vpn'],
    [undefined, 'both, in two captures', [dataCentre, vpn], 'vpn'],
    [undefined, 'VPN, in the second capture', [nothing, vpn], 'vpn'],
    [undefined, 'VPN, in the first capture', [vpn, nothing], 'vpn'],
    [undefined, 'a data centre, in the second capture', [{}, dataCentre], 'hosting'],
    ['none', 'no capture', [], 'none'],
    ['none', 'a clean capture', [nothing], 'none'],
    ['none', 'VPN or Tor', [vpn], 'vpn'],
    ['none', 'a data centre', [dataCentre], 'hosting'],
    ['hosting', 'a clean capture', [nothing], 'hosting'],
    ['hosting', 'a data centre', [dataCentre], 'hosting'],
    ['hosting', 'VPN or Tor', [vpn], 'vpn'],
    ...(['tor', 'vpn', 'proxy'] as const).flatMap((known): typeof folds => [
      [known, 'no capture', [], known],
      [known, 'a clean capture', [nothing], known],
      [known, 'a data centre', [dataCentre], known],
      [known, 'VPN or Tor', [vpn], known],
    ]),
  ];
  test.each(folds)('%p and %s', (anonymising, _name, analyses, expected) => {
    const signals = anonymising === undefined ? quiet : { ...quiet, anonymising };
    expect(foldIn(signals, analyses)).toEqual(expected === undefined ? quiet : { ...quiet, anonymising: expected });
  });

  test('it changes nothing else, and not what it was given', () => {
    const before = structuredClone(loud);
    expect(foldIn(loud, [vpn, dataCentre])).toEqual(before);
    expect(foldIn({ ...loud, anonymising: 'none' }, [vpn])).toEqual({ ...before, anonymising: 'vpn' });
    expect(loud).toEqual(before);
  });

  test('a new device through a VPN that only the vendor saw has to show more', () => {
    const stranger: RiskSignals = { ...quiet, device: 'new', network: 'new' };
    expect(assess(stranger, DEFAULT_RULES).demand).toBe('passive');
    expect(assess(foldIn(stranger, [vpn]), DEFAULT_RULES).demand).toBe('active');
    expect(assess(foldIn(stranger, [dataCentre]), DEFAULT_RULES).demand).toBe('active');
    expect(assess(foldIn(stranger, [nothing]), DEFAULT_RULES).demand).toBe('passive');
  });
});
