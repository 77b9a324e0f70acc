// What an operator does with accounts while nobody signs in: bring them, look at them, mark them; and codes for those who cannot.

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { jpeg } from '../admin/support.ts';
import { API_KEY, WEBHOOK_SECRET, WORKFLOWS } from '../support/world.ts';
import { CANARY, CLI, ended, here, newFolder, type Place, type Result, start } from './support.ts';

let sandbox: Sandbox;
let place: Place;
let folder: string;

beforeAll(async () => {
  sandbox = await startSandbox({
    apiKey: API_KEY,
    webhookSecrets: [WEBHOOK_SECRET],
    webhookUrl: 'http://127.0.0.1:9/webhooks/didit',
    environment: 'live',
    workflows: WORKFLOWS,
  });
});
afterAll(() => sandbox.close());

beforeEach(async () => {
  folder = await newFolder();
  const file = (name: string) => join(folder, name);
  const client = { client_id: 'app', client_secret: 'of-this-test', redirect_uris: ['http://127.0.0.1:9/cb'] };
  await writeFile(file('clients.json'), JSON.stringify([client]));
  await writeFile(file('policy.json'), JSON.stringify({ 'recovery.second_operator': true }));
  await writeFile(file('jwks.json'), (await here(['keys', 'make', 'jwks'], { cwd: folder })).out);
  place = {
    cwd: folder,
    env: {
      STORAGE_URL: `sqlite:${file('test.sqlite')}`,
      CLIENTS_FILE: file('clients.json'),
      POLICY_FILE: file('policy.json'),
      JWKS_FILE: file('jwks.json'),
      COOKIE_KEYS: `${CANARY}-a cookie key that is long enough for everybody`,
      DATA_KEYS: Buffer.alloc(32, 7).toString('base64url'),
      DIDIT_API_KEY: API_KEY,
      DIDIT_WEBHOOK_SECRETS: WEBHOOK_SECRET,
      DIDIT_BASE_URL: sandbox.url,
      DIDIT_WORKFLOW_ENROL: WORKFLOWS.enrol,
      DIDIT_WORKFLOW_PASSIVE: WORKFLOWS.passive,
      DIDIT_WORKFLOW_ACTIVE: WORKFLOWS.active,
    },
  };
});

const ask = (...args: string[]): Promise<Result> => here(args, place);

/** In a process of its own, with something on standard input. */
function feed(input: string, ...args: string[]): Promise<Result> {
  const child = start([CLI, ...args], place);
  child.stdin?.end(input);
  return ended(child);
}

async function journal(): Promise<string> {
  return (await ask('journal', '--json')).out;
}

/** Everything that is stored, as one text. */
function stored(): string {
  const database = new DatabaseSync(join(folder, 'test.sqlite'), { readOnly: true });
  const rows = database.prepare('SELECT key, value FROM records').all();
  database.close();
  return JSON.stringify(rows);
}

const LINES = [
  {
    identifier: 'Ann@Example.org',
    vendor_data: 'user-1',
    portrait: 'faces/ann.jpg',
    claims: { name: 'Ann Núñez', birthdate: '1990-12-31' },
    email_verified: true,
  },
  { identifier: 'bob', vendor_data: 'user-2' },
];

async function writeLines(lines: readonly unknown[]): Promise<string> {
  const file = join(folder, 'people.jsonl');
  await mkdir(join(folder, 'faces'), { recursive: true });
  await writeFile(join(folder, 'faces/ann.jpg'), jpeg('ann'));
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

describe('accounts import', () => {
  test('brings people, and may be run again', async () => {
    const file = await writeLines(LINES);
    await ask('migrate');
    const dry = await ask('accounts', 'import', file, '--dry-run');
    expect(dry).toMatchObject({ code: 0, out: 'would import 2, unchanged 0\n' });
    expect((await ask('accounts')).out).toBe('no accounts\n');

    const first = await ask('accounts', 'import', file);
    expect(first).toMatchObject({
      code: 0,
      out: 'imported 2, unchanged 0\n',
      err: 'note: 1 without name and birth date: a later document check cannot tell that it is theirs\n',
    });
    const again = await ask('accounts', 'import', file, '--json');
    expect(again).toMatchObject({ code: 0, err: '' });
    const [ann, bob] = (await ask('accounts', '--json'))
      .json()
      .toSorted((a, b) => (String(a.identifier) < String(b.identifier) ? -1 : 1));
    expect(again.json()).toEqual([
      { line: 1, identifier: 'ann@example.org', id: ann?.id, result: 'unchanged' },
      { line: 2, identifier: 'bob', id: bob?.id, result: 'unchanged' },
      { result: 'done', imported: 0, unchanged: 2, failed: 0, dry_run: false },
    ]);
    expect(ann).toMatchObject({ face: 'local', standing: 'good', subject: 'user-1', review: null, consent: null });
    expect(ann?.email).toEqual({ address: 'ann@example.org', verified: expect.stringMatching(/Z$/) });
    expect(bob).toMatchObject({ face: 'vendor', email: null });

    const told = await journal();
    expect(told.match(/account\.imported/g)).toHaveLength(2);
    expect(`${told}${stored()}`).not.toMatch(/ann@|Núñez|1990-12-31|user-1/i);
  });

  test('with a fault imports nothing, and names the line, what is wrong, and what would be right', async () => {
    const file = await writeLines([LINES[1], { identifier: 'carl', vendor_data: 'USER-2', portrait: 'faces/no.jpg' }]);
    const people = await ask('accounts', 'import', file);
    expect(people).toMatchObject({ code: 2, out: '' });
    expect(people.err.split('\n')).toEqual([
      'The file has 2 faults; nothing was imported.',
      '  line 2: vendor_data is that of line 1',
      '    → write each person once, with a name of their own at the vendor',
      '  line 2: portrait is not there',
      '    → write its path as seen from the folder of the import file',
      '',
    ]);
    const programs = await ask('accounts', 'import', file, '--json');
    expect(programs).toMatchObject({ code: 2, err: '' });
    expect(programs.json()).toEqual([
      { level: 'fault', line: 2, problem: 'vendor_data is that of line 1', fix: expect.any(String) },
      { level: 'fault', line: 2, problem: 'portrait is not there', fix: expect.any(String) },
    ]);
    expect((await ask('accounts')).out).toBe('no accounts\n');
  });

  test('tells when the policy asks imported people for what is not known of them', async () => {
    await writeFile(place.env?.POLICY_FILE ?? '', JSON.stringify({ 're_enrolment.match': 'document' }));
    const result = await ask('accounts', 'import', await writeLines(LINES));
    expect(result.err).toContain('re_enrolment asks a later document check for what no import can know');
  });

  test('reads standard input, with paths from where it runs', async () => {
    await writeLines([]);
    const result = await feed(LINES.map((line) => JSON.stringify(line)).join('\n'), 'accounts', 'import', '-');
    expect(result).toMatchObject({ code: 0, out: 'imported 2, unchanged 0\n' });
    expect((await ask('accounts', 'show', 'ann@example.org')).out).toMatch(/^face +here/m);
  });

  test('a removed person is forgotten at the vendor too, and may come again as somebody new', async () => {
    const file = await writeLines(LINES);
    await ask('accounts', 'import', file);
    const [before] = (await ask('accounts', 'show', 'bob', '--json')).json();
    sandbox.clearCalls();
    const removal = await ask('accounts', 'remove', 'bob');
    expect(removal).toMatchObject({ code: 0, err: '' });
    expect(removal.out).toContain('nothing is left: the person (user-2)');
    expect(sandbox.calls().map(({ path }) => path)).toEqual(['/v3/users/delete/']);
    expect((await ask('accounts', 'import', file)).out).toBe('imported 1, unchanged 1\n');
    const [after] = (await ask('accounts', 'show', 'bob', '--json')).json();
    expect(after?.id).not.toBe(before?.id);
  });
});

describe('accounts import-shared', () => {
  async function tokenFile(options: Parameters<Sandbox['share']>[0] = {}): Promise<string> {
    const file = join(folder, 'token');
    await writeFile(file, `${(await sandbox.share(options)).shareToken}\n`);
    return file;
  }

  test('takes over what another customer shared, with face and identity', async () => {
    const file = await tokenFile();
    const result = await ask('accounts', 'import-shared', 'Ann', '--token-file', file);
    expect(result).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^imported ann \([\w-]{32}\)\n$/) });
    const [ann] = (await ask('accounts', 'show', 'ann', '--json')).json();
    expect(ann).toMatchObject({ face: 'local', standing: 'good', claims: { birthdate: expect.any(String) } });
    expect(sandbox.sessions().at(-1)).toMatchObject({ id: ann?.verification, vendorData: ann?.subject });
    // taken: the next token is not spent
    sandbox.clearCalls();
    const again = await ask('accounts', 'import-shared', 'ANN', '--token-file', await tokenFile());
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining('has an account already') });
    expect(sandbox.calls()).toEqual([]);
  });

  test('reads the token from standard input, and shows it nowhere', async () => {
    const { shareToken } = await sandbox.share();
    const result = await feed(`${shareToken}\n`, 'accounts', 'import-shared', 'ann', '--json');
    expect(result).toMatchObject({ code: 0, err: '' });
    expect(result.json()).toEqual([{ identifier: 'ann', result: 'imported', id: expect.any(String), face: 'local' }]);
    const used = await feed(shareToken, 'accounts', 'import-shared', 'bob');
    expect(used).toMatchObject({ code: 1, out: '' });
    expect(`${result.out}${used.err}${await journal()}${stored()}`).not.toContain(shareToken);
  });

  test('one that is not trusted waits for a reviewer, and is gone on with afterwards', async () => {
    const file = await tokenFile();
    const first = await ask('accounts', 'import-shared', 'ann', '--token-file', file, '--distrust', '--json');
    expect(first.code).toBe(1);
    const copy = String(first.json()[0]?.copy);
    expect(first.json()).toEqual([{ identifier: 'ann', result: 'waiting', why: 'review', copy }]);
    const early = await ask('accounts', 'import-shared', 'ann', '--copy', copy);
    expect(early).toMatchObject({ code: 1, err: expect.stringContaining(`--copy ${copy}`) });
    await sandbox.review(copy, 'Approved', 'lost');
    expect((await ask('accounts', 'import-shared', 'ann', '--copy', copy)).code).toBe(0);
    expect((await ask('accounts', 'import-shared', 'ann', '--copy', copy)).err).toContain('no copy with that id');
  });

  test('one that was declined makes no account, and its copy is deleted', async () => {
    const file = await tokenFile({ scenario: 'decline_face_match_low_similarity' });
    const result = await ask('accounts', 'import-shared', 'ann', '--token-file', file);
    expect(result).toMatchObject({ code: 1, out: '' });
    expect(result.err).toContain('not good enough for an account (status-declined); the copy at the vendor is deleted');
    expect(sandbox.sessions().at(-1)).toMatchObject({ deleted: true });
    expect((await ask('accounts')).out).toBe('no accounts\n');
  });

  test('a token that is none is told without repeating it', async () => {
    const file = join(folder, 'token');
    for (const [text, problem] of [
      ['\n', 'is empty'],
      [`${CANARY} and more`, 'holds more than the share token'],
    ] as const) {
      await writeFile(file, text);
      const result = await ask('accounts', 'import-shared', 'ann', '--token-file', file);
      expect(result).toMatchObject({ code: 2, out: '', err: expect.stringContaining(problem) });
      expect(result.err).not.toContain(CANARY);
    }
  });
});

describe('accounts review and re-enrol', () => {
  beforeEach(async () => {
    await ask('accounts', 'import', await writeLines(LINES));
  });

  test('a review is set, shown with its reasons, and cleared; the journal keeps no free text', async () => {
    const set = await ask('accounts', 'review', 'bob', '--set', '--reason', 'called about a lost phone');
    expect(set).toMatchObject({ code: 0, err: '' });
    await ask('accounts', 'review', 'bob', '--set', '--reason', 'and again');
    const shown = await ask('accounts', 'show', 'bob');
    expect(shown.out).toMatch(/^review +since \d{4}-\d\d-\d\dT[\d:]+Z: called about a lost phone; and again$/m);
    expect((await ask('accounts')).out).toMatch(/^bob .* since \d{4}-\d\d-\d\dT[\d:]+Z +-$/m);
    const cleared = await ask('accounts', 'review', 'bob', '--clear', '--json');
    expect(cleared.json()).toEqual([{ id: expect.any(String), identifier: 'bob', standing: 'good', review: null }]);
    const told = await journal();
    expect(told.match(/account\.review-(set|cleared)/g)).toEqual([
      'account.review-set',
      'account.review-set',
      'account.review-cleared',
    ]);
    expect(`${told}${stored()}`).not.toContain('lost phone');
  });

  const marked = async () => String((await ask('accounts', 'show', 'bob')).out.match(/^review mark +(\S+)$/m)?.[1]);
  const reasons = async () =>
    (await ask('accounts', 'show', 'bob', '--json')).json()[0]?.review as { reasons: string[]; mark: string } | null;

  test('cleared by what was seen: what came since is named, and keeps it; with that seen as well it is cleared', async () => {
    await ask('accounts', 'review', 'bob', '--set', '--reason', 'first');
    const mark = await marked();
    expect(await reasons()).toMatchObject({ reasons: ['first'], mark });
    await ask('accounts', 'review', 'bob', '--set', '--reason', 'second');
    const refused = await ask('accounts', 'review', 'bob', '--clear', '--seen', mark);
    const { mark: next } = (await reasons()) ?? {};
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toBe(
      `accounts: nothing was cleared: since you looked came second. Having looked at that too: --clear --seen ${next}\n`,
    );
    expect(await reasons()).toMatchObject({ reasons: ['first', 'second'] });
    expect(await ask('accounts', 'review', 'bob', '--clear', '--seen', String(next))).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringContaining('no review'),
    });
  });

  test('a script that names no mark clears what it finds, and says what that was', async () => {
    await ask('accounts', 'review', 'bob', '--set', '--reason', 'first');
    const cleared = await feed('', 'accounts', 'review', 'bob', '--clear');
    expect(cleared).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^note: cleared without --seen, .*: first$/m),
      out: expect.stringContaining('no review'),
    });
    expect((await ask('accounts', 'review', 'bob', '--clear')).err).toBe('');
  });

  describe('at a terminal', () => {
    const answering = (answer: () => Promise<boolean>) =>
      here(['accounts', 'review', 'bob', '--clear'], place, { confirm: answer });

    test('what stands there is shown and asked about; a reason that comes before the answer is not cleared with it', async () => {
      await ask('accounts', 'review', 'bob', '--set', '--reason', 'first');
      const refused = await answering(async () => {
        await ask('accounts', 'review', 'bob', '--set', '--reason', 'while thinking');
        return true;
      });
      expect(refused.err).toMatch(
        /^under review since \S+: first\naccounts: nothing was cleared: .* while thinking\. /,
      );
      expect([refused.code, (await reasons())?.reasons]).toEqual([1, ['first', 'while thinking']]);
      const cleared = await answering(async () => true);
      expect([cleared.code, cleared.err.includes('first; while thinking'), await reasons()]).toEqual([0, true, null]);
    });

    test('a no clears nothing; where there is nothing, and for a program, nobody is asked', async () => {
      const never = () => Promise.reject(new Error('asked'));
      expect((await answering(never)).code).toBe(0);
      await ask('accounts', 'review', 'bob', '--set', '--reason', 'first');
      expect(await answering(async () => false)).toMatchObject({ code: 1, out: '' });
      expect(await reasons()).toMatchObject({ reasons: ['first'] });
      const json = await here(['accounts', 'review', 'bob', '--clear', '--json'], place, { confirm: never });
      expect(json.json()).toMatchObject([{ review: null }]);
    });
  });

  test('the next login of an account is a document check', async () => {
    expect((await ask('accounts', 're-enrol', 'bob', '--json')).json()).toMatchObject([{ standing: 'must-re-enrol' }]);
    expect((await ask('accounts')).out).toMatch(/^bob .* must-re-enrol /m);
    // imported without name and birth date
    expect((await ask('accounts', 're-enrol', 'bob')).err).toContain('nothing is on record');
    expect((await ask('accounts', 'show', 'ann@example.org')).out).toMatch(/^standing +good$/m);
    expect(
      (await ask('accounts', '--json'))
        .json()
        .map(({ standing }) => standing)
        .sort(),
    ).toEqual(['good', 'must-re-enrol']);
    expect(await journal()).toContain('account.re-enrolment-demanded');
  });

  test.each([
    [['review', 'nobody', '--clear']],
    [['review', 'nobody', '--set', '--reason', 'x']],
    [['re-enrol', 'nobody']],
  ])('%j is told when there is none', async (args) => {
    expect(await ask('accounts', ...args)).toMatchObject({ code: 1, err: 'accounts: there is no such account\n' });
  });
});

describe('recovery', () => {
  beforeEach(async () => {
    await ask('accounts', 'import', await writeLines(LINES));
  });
  const issue = (...more: string[]) =>
    ask('recovery', 'issue', 'bob', '--reason', 'lost the phone', '--by', 'Ann', ...more);

  test('a code is shown once, waits for somebody else, and is stored nowhere', async () => {
    const made = await issue();
    expect(made.code).toBe(0);
    const code = made.out.trim();
    expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
    const name = /recovery approve (\w+) /.exec(made.err)?.[1] ?? '';
    const waiting = await ask('recovery');
    expect(waiting.out).toMatch(new RegExp(`^${name} +waiting .*  Ann  lost the phone$`, 'm'));

    expect(await ask('recovery', 'approve', name, '--by', 'ANN')).toMatchObject({
      code: 1,
      err: expect.stringContaining('somebody else has to'),
    });
    expect(await ask('recovery', 'approve', name, '--by', 'Beatrix Quandt')).toMatchObject({
      code: 0,
      out: `${name}: usable\n`,
    });
    expect((await ask('recovery', 'list', '--json')).json()).toMatchObject([
      {
        name,
        state: 'usable',
        by: 'Ann',
        approved_by: 'Beatrix Quandt',
        reason: 'lost the phone',
        needs_approval: true,
        used: null,
      },
    ]);
    const told = await journal();
    expect(told.match(/recovery\.\w+/g)).toEqual(['recovery.issued', 'recovery.approved']);
    const everything = `${told}${stored()}`;
    for (const secret of [code, code.replaceAll('-', ''), 'lost the phone', 'Beatrix Quandt'])
      expect(everything).not.toContain(secret);
  });

  test('codes differ, and a newer one replaces the older', async () => {
    const [first, second] = [(await issue('--json')).json()[0], (await issue('--json')).json()[0]];
    expect(first).toEqual({
      code: expect.any(String),
      name: expect.any(String),
      expires: expect.stringMatching(/Z$/),
      needs_approval: true,
    });
    expect(second?.code).not.toBe(first?.code);
    const states = (await ask('recovery', '--json')).json().map(({ name, state }) => [name, state]);
    expect(states).toEqual(
      expect.arrayContaining([
        [first?.name, 'replaced'],
        [second?.name, 'waiting'],
      ]),
    );
    const over = await ask('recovery', 'approve', String(first?.name), '--by', 'Beatrix Quandt');
    expect(over).toMatchObject({ code: 1, err: 'recovery: it is replaced already\n' });
  });

  test('a code is withdrawn', async () => {
    const name = String((await issue('--json')).json()[0]?.name);
    expect(await ask('recovery', 'withdraw', name)).toMatchObject({ code: 0, out: `${name}: withdrawn\n` });
    expect(await ask('recovery', 'withdraw', name)).toMatchObject({
      code: 1,
      err: 'recovery: it is withdrawn already\n',
    });
    expect(await ask('recovery', 'withdraw', 'nothing')).toMatchObject({ code: 1 });
    expect(await journal()).toContain('recovery.withdrawn');
  });

  test('without a second operator a code is good at once', async () => {
    await writeFile(
      place.env?.POLICY_FILE ?? '',
      JSON.stringify({ other_ways: ['recovery_code'], 'recovery.code_minutes': 5 }),
    );
    const made = await issue();
    expect(made.err).toMatch(/^[2-9a-z]{8}: one use, until [\d-]+T[\d:]+Z\n$/);
    expect((await ask('recovery', '--json')).json()).toMatchObject([{ state: 'usable', needs_approval: false }]);
    await writeFile(place.env?.POLICY_FILE ?? '', JSON.stringify({ other_ways: [] }));
    expect((await issue()).err).toContain('does not list recovery_code under other_ways');
    expect(await ask('recovery', 'issue', 'nobody', '--reason', 'x', '--by', 'Ann')).toMatchObject({ code: 1 });
  });
});

describe('costs', () => {
  test('tell what skipping saved, to people and behind --summary; --json alone is lines of the ledger', async () => {
    await ask('migrate');
    const day = new Date().toISOString().slice(0, 10);
    const database = new DatabaseSync(join(folder, 'test.sqlite'));
    const add = database.prepare('INSERT INTO records (key, value, expires_at) VALUES (?, ?, 9999999999)');
    add.run(`skipped:${day}:0.1`, '3');
    const line = {
      at: 1_795_000_000,
      client: 'app',
      account: 'h',
      reason: 'login',
      outcome: 'accepted',
      price: 0.1,
      billed: true,
    };
    for (const each of [1, 2, 3]) add.run(`ledger:179500000${each}:v${each}`, JSON.stringify(line));
    add.run('ledger:1795000009:v9', JSON.stringify({ ...line, outcome: 'abandoned', billed: false }));
    database.close();
    const people = await ask('costs');
    expect(people.out.split('\n')).toEqual([
      'reason  outcome    client  opened  billed  free  price',
      'login   abandoned  app     1       0       1     0.00',
      'login   accepted   app     3       3       0     0.30',
      'all                        4       3       1     0.30',
      'saved by skipping: 3 logins, 0.30',
      '',
    ]);
    expect((await ask('costs', '--summary', '--json')).json()).toEqual([
      { reason: 'login', outcome: 'abandoned', client: 'app', opened: 1, billed: 0, free: 1, price: 0 },
      { reason: 'login', outcome: 'accepted', client: 'app', opened: 3, billed: 3, free: 0, price: 0.3 },
      { skipped: 3, saved: 0.3 },
    ]);
    expect((await ask('costs', '--summary', '--json', '--until', '2020-01-01')).json()).toEqual([
      { skipped: 0, saved: null },
    ]);
    const lines = (await ask('costs', '--json')).json();
    expect(lines).toHaveLength(4);
    expect(lines[0]).toEqual(line);
  });
});

test('a command that needs what is there says so of a storage that nobody has made, and makes none', async () => {
  const lines = await writeLines(LINES);
  const commands = [
    ['accounts'],
    ['accounts', 'show', 'bob'],
    ['accounts', 'import', lines, '--dry-run'],
    ['accounts', 'remove', 'bob'],
    ['accounts', 'review', 'bob', '--clear'],
    ['recovery', 'list'],
    ['attempts', '--held'],
    ['costs'],
    ['journal'],
    ['journal', 'verify'],
    ['export', join(folder, 'backup')],
    ['export', '--call-off'],
    ['keys', 'rotate', 'signing'],
  ];
  const mistyped = { ...place, env: { ...place.env, STORAGE_URL: `sqlite:${join(folder, 'mistyped/test.sqlite')}` } };
  for (const command of commands) {
    const { code, err } = await here(command, mistyped);
    expect({ command, code, err }).toMatchObject({
      code: 1,
      err: expect.stringMatching(
        /^\w+: sqlite .+mistyped\/test\.sqlite: there is no storage here; see that STORAGE_URL/,
      ),
    });
  }
  // the keys themselves are known without
  expect(await here(['keys'], mistyped)).toMatchObject({
    code: 0,
    err: expect.stringContaining('there is no storage'),
  });
  expect(existsSync(join(folder, 'mistyped'))).toBe(false);
  expect((await here(['invite'], mistyped)).code).toBe(0);
});
