// Whoever adds a record, or a job, says in `archive/kinds.ts` what a restore does with it: until then it stays away, and people wonder.

import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { kindOfJob, kindOfRecord } from '../../src/storage/archive/kinds.ts';

const SRC = resolve(import.meta.dirname, '../../src');
const WITH_RECORDS = ['admin', 'factors', 'login', 'mail', 'oidc', 'storage', 'telemetry', 'vendors'];
/** Look like keys and are none: names of proofs, contexts of sealed texts, hashes, what is noted of the vendor. */
const NO_KEYS = new Set(
  'node login device mail sha256 http https redis postgres sqlite urn open pause pace'.split(' '),
);

const sources = WITH_RECORDS.flatMap((folder) =>
  readdirSync(join(SRC, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(SRC, folder, file), 'utf8')),
);

test('every record that is written has its kind', () => {
  const keys = sources.flatMap((code) =>
    [...code.matchAll(/`([a-z][a-z-]*(?::[A-Z]\w+)?):\$\{|'([a-z][a-z-]*:)';|'([a-z][a-z-]*:[a-z]+)';/g)].map(
      ([, template, prefix, whole]) => template ?? prefix ?? whole ?? '',
    ),
  );
  const prefixes = [...new Set(keys.map((key) => key.replace(/:$/, '')))].filter(
    (prefix) => !NO_KEYS.has(prefix.split(':')[0] ?? '') && prefix !== 'oidc',
  );
  expect(prefixes).toEqual(
    expect.arrayContaining(['account', 'attempt', 'journal', 'ledger', 'oidc:SessionId', 'owner']),
  );
  expect(prefixes.filter((prefix) => kindOfRecord(`${prefix}:x`).name === 'others')).toEqual([]);
});

test('every job that is scheduled has its kind', () => {
  const kinds = sources.flatMap((code) =>
    [...code.matchAll(/export const [A-Z_]+ = '([a-z-]+)';/g)].map(([, kind = '']) => kind),
  );
  expect(kinds).toEqual(expect.arrayContaining(['delivery', 'forget', 'logout', 'mail', 'renewal']));
  // a constant may name a record
  const ofJobs = kinds.filter((kind) => kindOfRecord(kind).name === 'others');
  expect(ofJobs.filter((kind) => kindOfJob(kind).name === 'others')).toEqual([]);
});

test('what no table names is left out of a restore, whatever an object has by nature', () => {
  for (const key of [
    'constructor:x',
    'toString',
    '__proto__:x',
    'oidc:hasOwnProperty:x',
    '',
    'accounts:x',
    'ACCOUNT:x',
  ]) {
    expect(kindOfRecord(key)).toEqual({ name: 'others', fate: 'never' });
  }
  expect(kindOfJob('constructor')).toEqual({ name: 'others', fate: 'never' });
});
