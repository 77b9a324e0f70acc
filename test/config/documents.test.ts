// The documents made from the tables are committed; this fails when they and the tables part.

import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { writeConfigurationPage, writeExampleEnv } from '../../src/config/documents.ts';
import { readPolicy } from '../../src/config/policy.ts';
import { POLICY_KEYS } from '../../src/config/policy-keys.ts';
import { RULE_NAMES } from '../../src/config/risk-rules.ts';
import { SETTING_NAMES } from '../../src/config/schema.ts';

const committed = (name: string) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');

test('config/example.env is what the schema says (else run scripts/write-config-docs.ts)', async () => {
  expect(await committed('config/example.env')).toBe(writeExampleEnv());
});

test('docs/configuration.md is what the tables say (else run scripts/write-config-docs.ts)', async () => {
  expect(await committed('docs/configuration.md')).toBe(writeConfigurationPage());
});

test('every setting is documented and nothing is set by the example', () => {
  const env = writeExampleEnv();
  for (const name of SETTING_NAMES) {
    expect(env).toContain(`\n#${name}=`);
    expect(writeConfigurationPage()).toContain(`| \`${name}\``);
  }
  for (const line of env.split('\n')) expect(line).toMatch(/^(#|$)/);
});

test('every policy key and every rule is documented', () => {
  const page = writeConfigurationPage();
  for (const name of [...Object.keys(POLICY_KEYS), ...RULE_NAMES]) expect(page).toContain(`\n| \`${name}\` |`);
});

test('the examples in the page are a policy', () => {
  const examples = [...writeConfigurationPage().matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1]);
  expect(examples).toHaveLength(3);
  expect(readPolicy(examples.join(''), 'page', { production: false })).toMatchObject({ ok: true });
});
