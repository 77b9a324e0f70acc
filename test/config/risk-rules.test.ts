// The list of rules: names and maps, defaults, every refusal with its line.

import { describe, expect, test } from '@jest/globals';
import { readPolicy } from '../../src/config/policy.ts';
import { DEFAULT_RULES, RULE_NAMES, type RuleSetting } from '../../src/config/risk-rules.ts';

function read(text: string) {
  return readPolicy(text, 'p.yaml', { production: false });
}

function rulesOf(list: string): readonly RuleSetting[] {
  const reading = read(`risk:\n  rules: ${list}`);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.policy.risk.rules;
}

function faultsOf(text: string): string[] {
  const reading = read(text);
  return reading.ok ? [] : reading.faults.map((fault) => `${fault.where}: ${fault.problem} → ${fault.fix}`);
}

describe('a list of rules', () => {
  test('holds names, maps of one name, and both, in this order', () => {
    expect(
      rulesOf(`
    - new_network
    - repeated_declines: { count: 5, hours: 12, asks: passive }
    - selfie_age:
        days: 7
        final: true
    - new_device:
    - known_device_and_network: { asks: skip }`),
    ).toEqual([
      { rule: 'new_network', asks: 'passive', final: false, options: {} },
      { rule: 'repeated_declines', asks: 'passive', final: false, options: { count: 5, hours: 12 } },
      { rule: 'selfie_age', asks: 'passive', final: true, options: { days: 7 } },
      { rule: 'new_device', asks: 'passive', final: false, options: {} },
      { rule: 'known_device_and_network', asks: 'skip', final: false, options: {} },
    ]);
  });

  test('gives what is not written its default', () => {
    expect(rulesOf('[{ repeated_declines: { count: 5 } }, { impossible_travel: { km: 0 } }, sensitive_scope]')).toEqual(
      [
        { rule: 'repeated_declines', asks: 'active', final: false, options: { count: 5, hours: 24 } },
        { rule: 'impossible_travel', asks: 'active', final: false, options: { kmh: 1000, km: 0 } },
        { rule: 'sensitive_scope', asks: 'active', final: false, options: { scopes: [] } },
      ],
    );
  });

  test('with every name once is what holds without it', () => {
    expect(rulesOf(`[${RULE_NAMES.join(', ')}]`)).toEqual(DEFAULT_RULES);
    expect(read('').policy.risk.rules).toEqual(DEFAULT_RULES);
  });

  test('may name scopes that everybody knows, and those of the policy', () => {
    const reading = read('scopes: { payments: phr }\nrisk.rules: [{ sensitive_scope: { scopes: [payments, email] } }]');
    expect(reading).toMatchObject({
      ok: true,
      policy: { risk: { rules: [{ options: { scopes: ['payments', 'email'] } }] } },
    });
  });

  test('may ask for more where nothing would be asked', () => {
    expect(rulesOf('[{ known_device_and_network: { asks: passive } }]')).toMatchObject([{ asks: 'passive' }]);
  });
});

describe('is refused, with the line:', () => {
  test.each<[string, string, ...string[]]>([
    [
      'an unknown rule',
      'risk:\n  rules:\n    - new_devise\n    - moon_phase',
      'p.yaml:3: risk.rules[0] "new_devise" is not a rule → did you mean new_device?',
      `p.yaml:4: risk.rules[1] "moon_phase" is not a rule → write one of ${RULE_NAMES.join(', ')}`,
    ],
    [
      'a rule twice',
      'risk.rules:\n  - new_device\n  - new_device: { asks: active }',
      'p.yaml:3: risk.rules[1] new_device stood in line 2 before → write each rule once',
    ],
    [
      'an unknown option',
      'risk.rules:\n  - repeated_declines:\n      cuont: 3\n      days: 3',
      'p.yaml:3: risk.rules[0] "cuont" is not an option of repeated_declines → did you mean count?',
      'p.yaml:4: risk.rules[0] "days" is not an option of repeated_declines → it has asks, final, count, hours',
    ],
    [
      'an option of JavaScript’s',
      'risk.rules: [{ new_device: { constructor: 1 } }]',
      'p.yaml:1: risk.rules[0] "constructor" is not an option of new_device → it has asks, final',
    ],
    [
      'a rule of JavaScript’s',
      'risk.rules: [constructor]',
      `p.yaml:1: risk.rules[0] "constructor" is not a rule → write one of ${RULE_NAMES.join(', ')}`,
    ],
    [
      'a rule that asks for nothing',
      'risk.rules:\n  - new_device: { asks: skip }\n  - account_under_review: { asks: skip }',
      'p.yaml:2: risk.rules[0] new_device asks for nothing (skip), which would open the door it guards → write passive or active, or remove the rule',
      'p.yaml:3: risk.rules[1] account_under_review asks for nothing (skip), which would open the door it guards → write passive or active, or remove the rule',
    ],
    [
      'a demand that is none',
      'risk.rules: [{ new_device: { asks: much } }, { known_device_and_network: { asks: no } }]',
      'p.yaml:1: risk.rules[0] asks is not one of passive, active → write passive or active',
      'p.yaml:1: risk.rules[1] asks is not one of skip, passive, active → write skip, passive or active',
    ],
    [
      'a final that is neither',
      'risk.rules: [{ new_device: { final: yes } }]',
      'p.yaml:1: risk.rules[0] final is neither true nor false → write true or false, without quotes',
    ],
    [
      'a number out of range',
      'risk.rules:\n  - repeated_declines:\n      count: 0\n      hours: 1.5\n  - selfie_age: { days: "30" }',
      'p.yaml:3: risk.rules[0] count is not a whole number from 1 to 1000 → write a whole number from 1 to 1000',
      'p.yaml:4: risk.rules[0] hours is not a whole number from 1 to 8760 → write a whole number from 1 to 8760',
      'p.yaml:5: risk.rules[1] days is not a whole number from 1 to 3650 → write a whole number from 1 to 3650',
    ],
    [
      'an empty list',
      'risk:\n  rules: []',
      'p.yaml:2: risk.rules is empty → name rules, or leave it out for those that hold by default',
    ],
    [
      'no list',
      'risk:\n  rules:',
      'p.yaml:2: risk.rules is not a list of rules → write each rule with a dash: - new_device',
    ],
    [
      'a map',
      'risk.rules: { new_device: }',
      'p.yaml:1: risk.rules is not a list of rules → write each rule with a dash: - new_device',
    ],
    [
      'options beside their rule',
      'risk.rules:\n  - selfie_age:\n    days: 30\n  - 5\n  - [new_device]',
      'p.yaml:2: risk.rules[0] holds more than one name → write - new_device, or - selfie_age: { days: 30 }',
      'p.yaml:4: risk.rules[1] is neither a rule nor a map of one → write - new_device, or - selfie_age: { days: 30 }',
      'p.yaml:5: risk.rules[2] is neither a rule nor a map of one → write - new_device, or - selfie_age: { days: 30 }',
    ],
    [
      'a value for options',
      'risk.rules: [{ new_device: active }]',
      'p.yaml:1: risk.rules[0] new_device has a value that is not a map of options → write - new_device: { asks: active }',
    ],
    [
      'scopes that are none',
      'risk.rules: [{ sensitive_scope: { scopes: "payments" } }]\n',
      'p.yaml:1: risk.rules[0] scopes is not a list → write it as a list: [ … ]',
    ],
    [
      'a scope that nobody can ask for',
      'scopes: { payments: phr }\nrisk.rules:\n  - new_device\n  - sensitive_scope: { scopes: [paymets, transfers] }',
      'p.yaml:4: risk.rules: sensitive_scope names "paymets", which is no scope here → did you mean payments?',
      'p.yaml:4: risk.rules: sensitive_scope names "transfers", which is no scope here → add it to scopes, with the acr it requires at least',
    ],
  ])('%s', (_what, text, ...faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  test('a scope whose strength is wrong is told of once', () => {
    expect(
      faultsOf('scopes: { payments: strong }\nrisk.rules: [{ sensitive_scope: { scopes: [payments] } }]'),
    ).toHaveLength(1);
  });
});
