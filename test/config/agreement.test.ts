// The configuration imports nothing of the program: what both know stands twice, and is held together here.

import { describe, expect, test } from '@jest/globals';
import { type OtherWay as ConfigWay, OTHER_WAYS, STRENGTHS, type Strength, satisfies } from '../../src/config/acrs.ts';
import { DEMO_CLIENT } from '../../src/config/demo.ts';
import type { Notice as ConfigNotice } from '../../src/config/policy-keys.ts';
import {
  RULE_NAMES as CONFIG_NAMES,
  DEFAULT_RULES as CONFIG_RULES,
  type RuleSetting as ConfigSetting,
  DEMANDS,
} from '../../src/config/risk-rules.ts';
import { readStorageUrl } from '../../src/config/storage-url.ts';
import { ACR_LADDER, type Acr, acrOfWay, acrSatisfies, type Way } from '../../src/core/assurance.ts';
import { DEFAULT_RULES, type Demand, RULE_DEFAULTS, RULE_NAMES, type RuleSetting } from '../../src/core/risk.ts';
import { demoClients } from '../../src/demo/client-entry.ts';
import type { Notice } from '../../src/login/rules.ts';
import { readPostgresUrl } from '../../src/storage/postgres-url.ts';
import { readRedisUrl } from '../../src/storage/redis-url.ts';

describe('rules of risk', () => {
  test('are the same, in the same order, with the same defaults', () => {
    expect(CONFIG_NAMES).toEqual(RULE_NAMES);
    expect(CONFIG_RULES).toEqual(DEFAULT_RULES);
    const defaults = CONFIG_RULES.map(({ rule, asks, options }) => [rule, { asks, options }]);
    expect(Object.fromEntries(defaults)).toEqual(RULE_DEFAULTS);
  });

  test('and their types, either way', () => {
    const there: readonly RuleSetting[] = CONFIG_RULES satisfies readonly ConfigSetting[];
    const back: readonly ConfigSetting[] = DEFAULT_RULES;
    const demands: readonly Demand[] = DEMANDS;
    expect([there.length, back.length, demands]).toEqual([10, 10, ['skip', 'passive', 'active']]);
  });
});

describe('strengths', () => {
  test('are the same', () => {
    const there: readonly Acr[] = STRENGTHS satisfies readonly Strength[];
    const back: readonly Strength[] = [...ACR_LADDER, 'phr'] satisfies Acr[];
    expect(there).toEqual(back);
  });

  test.each(STRENGTHS.flatMap((held) => STRENGTHS.map((wanted) => [held, wanted] as const)))(
    '%s is or is not enough for %s',
    (held, wanted) => {
      expect(satisfies(held, wanted)).toBe(acrSatisfies(held, wanted));
    },
  );

  test('other ways in earn the same', () => {
    for (const [way, acr] of Object.entries(OTHER_WAYS)) expect(acr).toBe(acrOfWay(way as ConfigWay satisfies Way));
  });
});

test('notices have the same names', () => {
  const names: Record<Notice & ConfigNotice, true> = {
    new_device: true,
    hand_off: true,
    weak_sign_in: true,
    face_replaced: true,
    passkey_added: true,
  };
  const there: Notice[] = Object.keys(names) as ConfigNotice[];
  const back: ConfigNotice[] = there;
  expect(back).toHaveLength(5);
});

test('the client that comes with the demo has the name that a policy may use', () => {
  const ids = demoClients({ url: 'http://localhost:3002', clientSecret: 'x'.repeat(40) }).map(
    (client) => (client as { client_id: string }).client_id,
  );
  expect(ids).toContain(DEMO_CLIENT);
});

describe('the storage URL', () => {
  const urls = [
    'redis://h',
    'rediss://user:pass@h:6380/3?prefix=login',
    'redis://h/name',
    'redis://h?prefix=a%20b',
    'redis://h?x=1',
    'redis://',
    'redis://h:7000?node=h2:7001&node=[::1]:7002&prefix=login',
    'redis://h?node=h2&node=',
    'redis://h?node=u:p@h2',
    'redis://h?node=h2:70000',
    'redis://h?node=h2/1',
    'postgres://u:p@h:5432/db?sslmode=require',
    'postgresql://[::1]/db?schema=login&connections=20',
    'postgres://h',
    'postgres://h/a/b',
    'postgres://h/db?schema=Public',
    'postgres://h/db?connections=1000',
    'postgres://h/db?sslmode=prefer',
    'postgres://h/db?host=x',
  ];
  test.each(urls)('%s is judged as the engine judges it', (url) => {
    const read = url.startsWith('redis') ? readRedisUrl : readPostgresUrl;
    const byEngine = (() => {
      try {
        read(url);
        return true;
      } catch {
        return false;
      }
    })();
    expect(readStorageUrl(url, { production: true }).ok).toBe(byEngine);
  });
});
