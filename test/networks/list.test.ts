import { describe, expect, test } from '@jest/globals';
import { readList } from '../../src/networks/list.ts';
import { readAddress } from '../../src/networks/network.ts';
import type { NetworkTable } from '../../src/networks/table.ts';

async function tableOf(text: string): Promise<NetworkTable> {
  const reading = await readList(Buffer.from(text), 'vpn', 'vpn.txt');
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.table;
}

async function faultsOf(text: string | Buffer) {
  const reading = await readList(Buffer.from(text), 'vpn', 'vpn.txt');
  if (reading.ok) throw new Error('faults were expected');
  return reading.faults;
}

function names(table: NetworkTable, text: string): boolean {
  const address = readAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return table.look(address).anonymising === 'vpn';
}

describe('lines', () => {
  test.each([
    ['a network', '192.0.2.0/24'],
    ['a bare address', '192.0.2.7'],
    ['a comment behind it', '192.0.2.0/24 # the exit in Vienna'],
    ['a comment right behind it', '192.0.2.0/24# x'],
    ['blanks around it', ' \t192.0.2.0/24  '],
    ['bits beyond the prefix', '192.0.2.99/24'],
    ['an address mapped into IPv6', '::ffff:192.0.2.7'],
    ['a network mapped into IPv6', '::ffff:192.0.2.0/120'],
    ["a line of Tor's exit list", 'ExitAddress 192.0.2.7 2026-11-20 03:04:05'],
    ['lines that end in CR LF', '# list\r\n\r\n192.0.2.0/24\r\n'],
    ['a byte order mark', '\ufeff192.0.2.0/24\n'],
    ['no newline at the end', '198.51.100.0/24\n192.0.2.0/24'],
  ])('%s is taken', async (_, text) => {
    const table = await tableOf(text);
    expect(names(table, '192.0.2.7')).toBe(true);
    expect(names(table, '192.0.3.7')).toBe(false);
  });

  test("Tor's exit list is taken as it is published", async () => {
    const table = await tableOf(
      [
        '@type tordnsel 1.0',
        'Downloaded 2026-11-20 04:02:00',
        'ExitNode 0011BD2485AD45D984EC4159C88FC066E5E3300E',
        'Published 2026-11-20 01:00:00',
        'LastStatus 2026-11-20 02:00:00',
        'ExitAddress 192.0.2.7 2026-11-20 03:04:05',
        'ExitAddress 192.0.2.9 2026-11-20 03:04:06',
      ].join('\n'),
    );
    expect(['192.0.2.7', '192.0.2.8', '192.0.2.9'].map((address) => names(table, address))).toEqual([
      true,
      false,
      true,
    ]);
  });

  test('an IPv6 network holds IPv6 addresses only', async () => {
    const table = await tableOf('2001:db8:1::/48\n2001:db8:9::5');
    const asked = [
      '2001:db8:1:ffff::1',
      '2001:0DB8:1::',
      '2001:db8:2::',
      '2001:db8:9::5',
      '2001:db8:9::6',
      '192.0.2.1',
    ];
    expect(asked.map((address) => names(table, address))).toEqual([true, true, false, true, false, false]);
  });

  test('an IPv6 network around the mapped addresses holds no IPv4', async () => {
    expect(names(await tableOf('::/1'), '192.0.2.1')).toBe(false);
  });
});

describe('faults', () => {
  const what = {
    problem: 'is not a network',
    fix: 'write one IPv4 or IPv6 network or address, like 192.0.2.0/24 or 2001:db8::/32; a comment begins with #',
  };

  test.each([
    'example.com',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.0/33',
    '192.0.2.0/',
    '192.0.2.0/24/8',
    '192.0.2.0/-1',
    '192.0.2.1 192.0.2.2',
    '192.0.2.1-192.0.2.9',
    '010.0.0.1',
    '2001:db8::/129',
    '2001:db8::g',
    '::ffff:192.0.2.0/24',
    '<html>',
    'ExitAddress',
    'ExitAddress nowhere 2026-11-20 03:04:05',
  ])('%s is a fault', async (line) => {
    expect(await faultsOf(`198.51.100.1\n${line}\n`)).toEqual([{ where: 'vpn.txt:2', ...what }]);
  });

  test.each(['0.0.0.0/0', '192.0.2.1/0', '::/0', '::ffff:0:0/96'])(
    '%s would name everybody, and is a fault',
    async (line) => {
      expect(await faultsOf(line)).toEqual([{ where: 'vpn.txt:1', ...what }]);
    },
  );

  test('every faulty line is told, in one list', async () => {
    const faults = await faultsOf('one\n192.0.2.1\r\ntwo\r\n# three\nfour');
    expect(faults.map(({ where }) => where)).toEqual(['vpn.txt:1', 'vpn.txt:3', 'vpn.txt:5']);
  });

  test('a wrong file is told by its first lines and their number', async () => {
    const faults = await faultsOf('no network\n'.repeat(12_000));
    expect(faults).toHaveLength(21);
    expect(faults.at(-1)).toMatchObject({ where: 'vpn.txt', problem: 'has 11980 more such lines' });
  });

  test('what a faulty line holds is not repeated', async () => {
    expect(JSON.stringify(await faultsOf('-----BEGIN PRIVATE KEY-----'))).not.toContain('PRIVATE');
  });

  test.each([
    ['an empty file', ''],
    ['a file of comments', '# nothing yet\n\n'],
  ])('%s is a fault: it would say that nobody hides', async (_, text) => {
    expect(await faultsOf(text)).toMatchObject([{ where: 'vpn.txt', problem: 'names no network' }]);
  });

  test('a file that is not text is a fault', async () => {
    expect(await faultsOf(Buffer.from([0xff, 0xfe, 0x31, 0]))).toMatchObject([{ problem: 'is not UTF-8 text' }]);
  });
});
