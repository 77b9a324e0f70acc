import { appendFile, readFile, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { NetworkFiles } from '../../src/networks/load.ts';
import { createNetworks, type WatchedNetworks } from '../../src/networks/networks.ts';
import { writeMmdb } from './mmdb-writer.ts';
import { createFakeLog, type LogLine, makeFolder, tablesOf } from './support.ts';

let folder: Awaited<ReturnType<typeof makeFolder>>;
let lines: LogLine[];
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => folder.remove());

async function networksOf(files: Partial<NetworkFiles>): Promise<WatchedNetworks> {
  const fake = createFakeLog();
  lines = fake.lines;
  return createNetworks({ tables: await tablesOf(files), log: fake.log });
}

async function write(name: string, content: string | Buffer): Promise<string> {
  await writeFile(folder.path(name), content);
  return folder.path(name);
}

/** As `mv` does it: at no moment is there no file, or half of one. */
async function replace(name: string, content: string | Buffer): Promise<void> {
  await rename(await write(`${name}.new`, content), folder.path(name));
}

async function twoLooks(networks: WatchedNetworks): Promise<void> {
  await networks.reload();
  await networks.reload();
}

const anonymous = (records: Record<string, Record<string, boolean>>) =>
  writeMmdb({ type: 'GeoIP2-Anonymous-IP', records });
const country = (network: string, code: string) =>
  writeMmdb({ type: 'GeoLite2-Country', records: { [network]: { country: { iso_code: code } } } });

describe('what is known of an address', () => {
  test('without tables, nothing', async () => {
    expect((await networksOf({})).look('192.0.2.1')).toEqual({});
  });

  test('with a country database only, not whether it hides somebody', async () => {
    const networks = await networksOf({ countryDatabase: await write('c.mmdb', country('192.0.2.0/24', 'AT')) });
    expect(networks.look('192.0.2.1')).toEqual({ country: 'AT' });
    expect(networks.look('198.51.100.1')).toEqual({});
  });

  test.each([
    ['a list', async () => ({ hosting: [await write('h.txt', '192.0.2.0/24')] })],
    [
      'a database',
      async () => ({
        anonymousDatabase: await write('a.mmdb', anonymous({ '192.0.2.0/24': { is_hosting_provider: true } })),
      }),
    ],
  ])('with %s that could name it and does not, that it hides nobody', async (_, files) => {
    const networks = await networksOf(await files());
    expect(networks.look('192.0.2.1')).toEqual({ anonymising: 'hosting' });
    expect(networks.look('198.51.100.1')).toEqual({ anonymising: 'none' });
  });

  test.each([
    ['Tor', 'tor', '192.0.2.1'],
    ['a VPN', 'vpn', '192.0.2.2'],
    ['a proxy', 'proxy', '192.0.2.3'],
    ['hosting', 'hosting', '192.0.2.4'],
    ['nothing', 'none', '192.0.3.1'],
  ])('of all tables that name it, %s decides', async (_, anonymising, address) => {
    const networks = await networksOf({
      hosting: [await write('other.txt', '203.0.113.0/24'), await write('h.txt', '192.0.2.0/24')],
      vpn: [await write('v.txt', '192.0.2.1\n192.0.2.2')],
      tor: [await write('t.txt', '192.0.2.1')],
      anonymousDatabase: await write(
        'a.mmdb',
        anonymous({ '192.0.2.0/30': { is_anonymous: true, is_public_proxy: true } }),
      ),
    });
    expect(networks.look(address)).toEqual({ anonymising });
  });

  test('a database may say more than a list', async () => {
    const networks = await networksOf({
      hosting: [await write('h.txt', '192.0.2.0/24')],
      countryDatabase: await write('c.mmdb', country('192.0.2.0/24', 'AT')),
      anonymousDatabase: await write('a.mmdb', anonymous({ '192.0.2.0/24': { is_tor_exit_node: true } })),
    });
    expect(networks.look('192.0.2.9')).toEqual({ country: 'AT', anonymising: 'tor' });
  });

  test('an address mapped into IPv6 is the IPv4 address', async () => {
    const networks = await networksOf({ tor: [await write('t.txt', '192.0.2.1')] });
    expect(
      ['::ffff:192.0.2.1', '::ffff:c000:201', ' 192.0.2.1 '].map((text) => networks.look(text).anonymising),
    ).toEqual(['tor', 'tor', 'tor']);
  });

  test('a private address hides nobody, unless the operator lists it', async () => {
    const networks = await networksOf({
      vpn: [await write('v.txt', '10.8.0.0/16')],
      countryDatabase: await write('c.mmdb', country('10.0.0.0/8', 'AT')),
    });
    expect(networks.look('127.0.0.1')).toEqual({ anonymising: 'none' });
    expect(networks.look('10.0.0.1')).toEqual({ anonymising: 'none' });
    expect(networks.look('10.8.3.4')).toEqual({ anonymising: 'vpn' });
  });

  test.each(['', 'unknown', '192.0.2', '192.0.2.1:443', '192.0.2.1, 198.51.100.1'])(
    'of %p, which is no address, nothing is said',
    async (text) => {
      expect((await networksOf({ tor: [await write('t.txt', '192.0.2.1')] })).look(text)).toEqual({});
    },
  );

  test('a damaged record tells nothing, ends nothing, and is logged', async () => {
    const bytes = anonymous({ '192.0.2.0/24': { is_tor_exit_node: true } });
    // the one record: a map of one field, whose name begins with its type and length; made a type that there is not
    const record = bytes.indexOf(Buffer.from('\xe1\x50is_tor_exit_node', 'latin1'));
    expect(record).toBeGreaterThan(0);
    bytes.writeUInt16BE(0x00_ff, record);
    const networks = await networksOf({ anonymousDatabase: await write('a.mmdb', bytes) });
    expect(networks.look('192.0.2.1')).toEqual({});
    expect(networks.look('198.51.100.1')).toEqual({ anonymising: 'none' });
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'a record of a network table cannot be read'],
    ]);
    expect(JSON.stringify(lines)).not.toContain('192.0.2.1');
  });
});

describe('a file that changes', () => {
  let networks: WatchedNetworks;
  const names = (address: string) => networks.look(address).anonymising === 'tor';

  beforeEach(async () => {
    networks = await networksOf({ tor: [await write('tor.txt', '192.0.2.1\n')] });
  });

  test('and does not change is not read again', async () => {
    await twoLooks(networks);
    expect(lines).toEqual([]);
  });

  test('is taken over at the second look that finds it so', async () => {
    await write('tor.txt', '192.0.2.1\n198.51.100.1\n');
    await networks.reload();
    expect(names('198.51.100.1')).toBe(false);
    await networks.reload();
    expect(names('198.51.100.1')).toBe(true);
    expect(lines).toEqual([
      {
        level: 'info',
        fields: { file: folder.path('tor.txt'), before: '1 networks', now: '2 networks' },
        message: 'a network table was reloaded',
      },
    ]);
    await twoLooks(networks);
    expect(lines).toHaveLength(1);
  });

  test('is left alone while it is being written', async () => {
    await write('tor.txt', '198.51.100.1\n');
    await networks.reload();
    for (const last of [2, 3, 4]) {
      await appendFile(folder.path('tor.txt'), `198.51.100.${last}\n`);
      await networks.reload();
      expect(names('192.0.2.1')).toBe(true);
      expect(names('198.51.100.1')).toBe(false);
    }
    await networks.reload();
    expect(['192.0.2.1', '198.51.100.1', '198.51.100.4'].map(names)).toEqual([false, true, true]);
  });

  test('is noticed when another was renamed over it', async () => {
    await replace('tor.txt', '198.51.100.1\n');
    await twoLooks(networks);
    expect(['192.0.2.1', '198.51.100.1'].map(names)).toEqual([false, true]);
  });

  test('is noticed with the size and the times of the one before', async () => {
    const before = await stat(folder.path('tor.txt'));
    await write('tor.txt.new', '192.0.2.9\n');
    await utimes(folder.path('tor.txt.new'), before.atime, before.mtime);
    await rename(folder.path('tor.txt.new'), folder.path('tor.txt'));
    await twoLooks(networks);
    expect(names('192.0.2.9')).toBe(true);
  });

  test('is noticed behind a link that was turned', async () => {
    // as Kubernetes mounts are: the name leads over a folder link to the file of the day
    await write('one.txt', '192.0.2.1\n');
    await write('two.txt', '198.51.100.1\n');
    await symlink(folder.path('one.txt'), folder.path('now'));
    networks = await networksOf({ tor: [folder.path('now')] });
    await symlink(folder.path('two.txt'), folder.path('next'));
    await rename(folder.path('next'), folder.path('now'));
    await twoLooks(networks);
    expect(['192.0.2.1', '198.51.100.1'].map(names)).toEqual([false, true]);
  });

  test.each([
    ['a line that is no network', '198.51.100.1\nnowhere\n', 'tor.txt:2', 'is not a network'],
    ['nothing', '', 'tor.txt', 'names no network'],
  ])('into one with %s keeps what was known, and is logged once', async (_, content, where, problem) => {
    await replace('tor.txt', content);
    await twoLooks(networks);
    await twoLooks(networks);
    expect(['192.0.2.1', '198.51.100.1'].map(names)).toEqual([true, false]);
    expect(lines).toMatchObject([
      { level: 'warn', fields: { file: folder.path('tor.txt'), faults: [{ where: folder.path(where), problem }] } },
    ]);
  });

  test('into another bad one is logged once more', async () => {
    await replace('tor.txt', 'nowhere\n');
    await twoLooks(networks);
    await replace('tor.txt', 'nor here\n');
    await twoLooks(networks);
    expect(lines).toHaveLength(2);
  });

  test('from bad to good is taken over', async () => {
    await replace('tor.txt', 'nowhere\n');
    await twoLooks(networks);
    await replace('tor.txt', '198.51.100.1\n');
    await twoLooks(networks);
    expect(names('198.51.100.1')).toBe(true);
  });

  test('that goes away keeps what was known, is logged once, and may come back', async () => {
    await rm(folder.path('tor.txt'));
    await twoLooks(networks);
    await twoLooks(networks);
    expect(names('192.0.2.1')).toBe(true);
    expect(lines).toMatchObject([{ level: 'warn', fields: { faults: [{ problem: 'does not exist' }] } }]);
    await write('tor.txt', '198.51.100.1\n');
    await twoLooks(networks);
    expect(names('198.51.100.1')).toBe(true);
  });

  test('that is away for one look only is nothing to tell', async () => {
    await rename(folder.path('tor.txt'), folder.path('elsewhere'));
    await networks.reload();
    await rename(folder.path('elsewhere'), folder.path('tor.txt'));
    await twoLooks(networks);
    expect(lines.filter(({ level }) => level === 'warn')).toEqual([]);
    expect(names('192.0.2.1')).toBe(true);
  });

  test('into what is there and cannot be opened is told as well', async () => {
    await rm(folder.path('tor.txt'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(folder.path('tor.txt'), resolve));
    try {
      await twoLooks(networks);
      await twoLooks(networks);
      expect(lines).toMatchObject([{ fields: { faults: [{ problem: 'cannot be read (ENXIO)' }] } }]);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('while it is read is left for a later look, and is no fault', async () => {
    // large enough that it is written to many times before it is read to the end
    await truncate(folder.path('tor.txt'), 48 * 2 ** 20);
    await networks.reload();
    let read = false;
    const looked = networks.reload().then(() => {
      read = true;
    });
    while (!read) await appendFile(folder.path('tor.txt'), '#');
    await looked;
    expect(lines).toEqual([]);
    expect(names('192.0.2.1')).toBe(true);
  });

  test('does not hold up the others', async () => {
    networks = await networksOf({ tor: [folder.path('tor.txt'), await write('more.txt', '203.0.113.1\n')] });
    await replace('tor.txt', 'nowhere\n');
    await replace('more.txt', '203.0.113.2\n');
    await twoLooks(networks);
    expect(['192.0.2.1', '203.0.113.1', '203.0.113.2'].map(names)).toEqual([true, false, true]);
  });

  test('may be a database, of which half a one is refused', async () => {
    const file = await write('c.mmdb', country('192.0.2.0/24', 'AT'));
    networks = await networksOf({ countryDatabase: file });
    await replace('c.mmdb', country('192.0.2.0/24', 'DE'));
    await twoLooks(networks);
    expect(networks.look('192.0.2.1')).toEqual({ country: 'DE' });
    const whole = await readFile(file);
    await replace('c.mmdb', whole.subarray(0, whole.length - 10));
    await twoLooks(networks);
    expect(networks.look('192.0.2.1')).toEqual({ country: 'DE' });
    expect(lines.at(-1)).toMatchObject({ level: 'warn', fields: { faults: [{ where: file }] } });
  });
});

describe('watching', () => {
  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['setImmediate', 'clearImmediate', 'nextTick', 'queueMicrotask', 'performance', 'hrtime', 'Date'],
    });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Files answer in their own time: turns of the event loop pass until the next look is planned. */
  async function look(): Promise<void> {
    jest.advanceTimersByTime(30_000);
    while (jest.getTimerCount() === 0) await new Promise(setImmediate);
  }

  test('looks every 30 seconds, until it is closed', async () => {
    const networks = await networksOf({ tor: [await write('tor.txt', '192.0.2.1\n')] });
    expect(jest.getTimerCount()).toBe(0);
    networks.watch();
    networks.watch();
    expect(jest.getTimerCount()).toBe(1);
    await replace('tor.txt', '198.51.100.1\n');
    jest.advanceTimersByTime(29_999);
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(1);
    while (jest.getTimerCount() === 0) await new Promise(setImmediate);
    expect(networks.look('198.51.100.1')).toEqual({ anonymising: 'none' });
    await look();
    expect(networks.look('198.51.100.1')).toEqual({ anonymising: 'tor' });
    await networks.close();
    await networks.close();
    networks.watch();
    expect(jest.getTimerCount()).toBe(0);
  });

  test('closed during a look, it ends with that look', async () => {
    const networks = await networksOf({ tor: [await write('tor.txt', '192.0.2.1\n')] });
    await replace('tor.txt', '198.51.100.1\n');
    networks.watch();
    await look();
    jest.advanceTimersByTime(30_000);
    await networks.close();
    expect(lines).toHaveLength(1);
    await new Promise(setImmediate);
    expect(jest.getTimerCount()).toBe(0);
  });
});
