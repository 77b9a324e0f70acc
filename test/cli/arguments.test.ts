import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { run } from '../../src/cli/cli.ts';
import { readCookieKeys, readDataKeys } from '../../src/config/secret-readers.ts';
import { readJwks } from '../../src/config/signing-keys.ts';
import { cli, newFolder, type Place } from './support.ts';

const PRODUCTION = { production: true };
let place: Place;
beforeAll(async () => {
  place = { cwd: await newFolder() };
});

/** The same without a process of its own: these never get past the arguments. */
async function say(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run(args, {}, { out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

test('help and version are answers, for every command', async () => {
  const [help, version] = await Promise.all([cli(['--help'], place), cli(['--version'], place)]);
  expect(help).toMatchObject({ code: 0, err: '' });
  expect(version).toMatchObject({ code: 0, err: '' });
  expect(version.out).toMatch(/^selfie-oidc \d+\.\d+\.\d+\n$/);
  for (const name of [
    'serve',
    'check',
    'migrate',
    'accounts',
    'recovery',
    'invite',
    'attempts',
    'keys',
    'costs',
    'journal',
    'export',
    'import',
  ]) {
    expect(help.out).toContain(`  ${name} `);
    const one = await say(name, '--help');
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(one.out).toContain(`usage: selfie-oidc ${name}`);
    expect(one.out).toContain('--json');
  }
});

test('serve says how it is started', async () => {
  expect((await say('serve', '--help')).out).toContain('--max-semi-space-size=16 --expose-gc');
});

test.each([
  [[], /say what to do/],
  [['acounts'], /did you mean accounts\?/],
  [['chekc', '--vendor'], /did you mean check\?/],
  [['frobnicate'], /unknown command "frobnicate"\n/],
  [['--jsn'], /unknown option "--jsn"/],
  [['costs', '--jsn'], /unknown option --jsn; did you mean --json\?/],
  [['check', '--vender'], /did you mean --vendor\?/],
  [['check', 'vendor'], /one word too many/],
  [['accounts', 'lst'], /did you mean list\?/],
  [['accounts', 'show'], /say which account/],
  [['accounts', 'remove', 'a', 'b'], /one word too many/],
  [['accounts', 'import'], /accounts import FILE/],
  [['accounts', 'import', 'a', 'b'], /one word too many/],
  [['accounts', 'import', '/nowhere/at/all'], /cannot be read: ENOENT/],
  [['accounts', 'show', 'a', '--dry-run'], /--dry-run belongs to accounts import/],
  [['accounts', 'import-shared'], /IDENTIFIER/],
  [['accounts', 'import-shared', 'two words'], /no spaces/],
  [['accounts', 'import-shared', 'a', '--token=x'], /unknown option --token\n/],
  [['accounts', 'import-shared', 'a', '--copy', 'x', '--distrust'], /stands alone/],
  [['accounts', 'import-shared', 'a', '--reason', 'x'], /belongs to accounts review/],
  [['accounts', 'review', 'a'], /--set or --clear/],
  [['accounts', 'review', 'a', '--set', '--clear'], /--set or --clear/],
  [['accounts', 'review', 'a', '--set'], /--reason is needed/],
  [['accounts', 'review', 'a', '--set', '--reason', ' '], /--reason is needed/],
  [['accounts', 'review', 'a', '--set', '--reason', 'a\nb'], /one line/],
  [['accounts', 'review', 'a', '--clear', '--reason', 'x'], /belongs to --set/],
  [['accounts', 'review', 'a', '--set', '--reason', 'x', '--seen', 'a-1'], /--seen belongs to --clear/],
  [['accounts', 'review', 'a', '--clear', '--seen', 'all'], /as accounts show prints it/],
  [['accounts', 're-enrol', 'a', '--seen', 'a-1'], /belongs to accounts review/],
  [['accounts', 're-enrol'], /say which account/],
  [['recovery', 'issue'], /say which/],
  [['recovery', 'issue', 'a', '--by', 'b'], /--reason is needed/],
  [['recovery', 'issue', 'a', '--reason', 'b'], /--by is needed/],
  [['recovery', 'approve', 'a'], /--by is needed/],
  [['recovery', 'approve', 'a', '--reason', 'b'], /belongs to recovery issue/],
  [['recovery', 'withdraw', 'a', '--by', 'b'], /belongs to recovery issue/],
  [['recovery', 'aprove'], /did you mean approve\?/],
  [['attempts'], /say which: --held/],
  [['invite', '--ttl', '7y'], /90m, 12h, 7d/],
  [['invite', '--ttl', '91d'], /to 90d/],
  [['invite', '--ttl'], /--ttl needs a value/],
  [['invite', '--count', '0'], /whole number from 1 to 1000/],
  [['invite', '--count', '2', '--identifier', 'alice'], /make one link/],
  [['invite', '--identifier', 'two words'], /no spaces/],
  [['invite', '--json=yes'], /--json takes no value/],
  [['keys', 'make'], /jwks, cookie or data/],
  [['keys', 'make', 'cookies'], /did you mean cookie\?/],
  [['journal', 'verfy'], /did you mean verify\?/],
  [['costs', '--since', 'yesterday'], /2026-11-01/],
  [['journal', '--since', '2026-11-02', '--until', '2026-11-01'], /--since is not before --until/],
  [['export'], /to which file/],
  [['export', 'a', 'b'], /one word too many/],
  [['export', '--call-off', '--move'], /stands alone/],
  [['import'], /which file/],
  [['import', 'a', '--check', '--move'], /--check stands alone/],
  [['import', 'a', '--move', '--keep', 'devices'], /keeps everything/],
  [['import', 'a', '--keep', 'sessions'], /"sessions" is none of consents, devices/],
])('%j is exit code 2, with what is wrong and the usage', async (args, problem) => {
  const said = await say(...args);
  expect(said).toMatchObject({ code: 2, out: '' });
  expect(said.err).toMatch(problem);
  expect(said.err).toContain('usage: selfie-oidc');
});

test('a configuration with faults is exit code 2, all of them told, and nothing is made', async () => {
  const faulty = { cwd: await newFolder(), env: { ISSUER: 'http://x.example/', PRT: '1', STORAGE_URL: 'mysql:x' } };
  const [people, programs] = await Promise.all([cli(['accounts'], faulty), cli(['costs', '--json'], faulty)]);
  expect(people).toMatchObject({ code: 2, out: '' });
  for (const name of ['ISSUER', 'PRT', 'STORAGE_URL']) expect(people.err).toContain(`  ${name}: `);
  expect(programs).toMatchObject({ code: 2, err: '' });
  expect(programs.json().map(({ level, where }) => `${level} ${where}`)).toEqual(
    expect.arrayContaining(['fault ISSUER', 'fault PRT', 'fault STORAGE_URL']),
  );
  expect(await readdir(faulty.cwd)).toEqual([]);
});

test('what lives in the memory of another process cannot be shown', async () => {
  const result = await cli(['accounts'], { ...place, env: { STORAGE_URL: 'memory:' } });
  expect(result).toMatchObject({ code: 1, out: '' });
  expect(result.err).toContain('STORAGE_URL is memory:');
});

describe('keys make', () => {
  test('prints keys that production accepts, without any configuration', async () => {
    const jwks = await say('keys', 'make', 'jwks');
    expect(readJwks(jwks.out, 'jwks')).toMatchObject({
      ok: true,
      jwks: { keys: [{ alg: 'RS256' }, { alg: 'ES256' }] },
    });
    expect(readCookieKeys((await say('keys', 'make', 'cookie')).out, PRODUCTION)).toMatchObject({ ok: true });
    expect(readDataKeys((await say('keys', 'make', 'data')).out, PRODUCTION)).toMatchObject({ ok: true });
    expect(JSON.parse((await say('keys', 'make', 'data', '--json')).out)).toEqual({ DATA_KEYS: expect.any(String) });
  });

  test('prints another key each time', async () => {
    const made = await Promise.all([say('keys', 'make', 'data'), say('keys', 'make', 'data')]);
    expect(made[0].out).not.toBe(made[1].out);
  });
});
