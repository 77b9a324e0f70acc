import { describe, expect, test } from '@jest/globals';
import { type DatabaseKind, readDatabase } from '../../src/networks/database.ts';
import { readAddress } from '../../src/networks/network.ts';
import type { NetworkTable } from '../../src/networks/table.ts';
import { type MmdbOptions, type MmdbValue, writeMmdb } from './mmdb-writer.ts';

function tableOf(kind: DatabaseKind, options: MmdbOptions): NetworkTable {
  const reading = readDatabase(writeMmdb(options), kind, 'x.mmdb');
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.table;
}

function look(table: NetworkTable, text: string) {
  const address = readAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return table.look(address);
}

const AUSTRIA = { iso_code: 'AT', names: { en: 'Austria' } };
const VIENNA = { latitude: 48.2, longitude: 16.37, accuracy_radius: 20 };

describe('country and place', () => {
  test.each([24, 28, 32] as const)('are told from a City database with records of %i bits', (recordSize) => {
    const table = tableOf('country', {
      type: 'GeoLite2-City',
      recordSize,
      records: {
        '192.0.2.0/24': { country: AUSTRIA, location: VIENNA },
        '192.0.2.128/25': { country: { iso_code: 'DE' } },
        '2001:db8::/32': { country: { iso_code: 'FR' }, location: { latitude: -21.1, longitude: 55.5 } },
      },
    });
    const vienna = { country: 'AT', place: { latitude: 48.2, longitude: 16.37 } };
    expect(look(table, '192.0.2.127')).toEqual(vienna);
    expect(look(table, '::ffff:192.0.2.127')).toEqual(vienna);
    expect(look(table, '192.0.2.128')).toEqual({ country: 'DE' });
    expect(look(table, '2001:db8:1::1')).toEqual({ country: 'FR', place: { latitude: -21.1, longitude: 55.5 } });
    expect(look(table, '198.51.100.1')).toEqual({});
    expect(look(table, '2001:db9::1')).toEqual({});
  });

  test.each<[string, MmdbValue, object]>([
    ['the registered country stands in', { registered_country: AUSTRIA }, { country: 'AT' }],
    [
      'the country goes before the registered one',
      { registered_country: AUSTRIA, country: { iso_code: 'DE' } },
      { country: 'DE' },
    ],
    ['a code that is none is unknown', { country: { iso_code: 'Austria' } }, {}],
    ['a record without a country is unknown', { continent: { code: 'EU' } }, {}],
    ['a record of another form is unknown', 'AT', {}],
    ['a place without longitude is unknown', { location: { latitude: 48.2 } }, {}],
    ['a place beyond the poles is unknown', { location: { latitude: 148.2, longitude: 16 } }, {}],
    ['a place that is not a number is unknown', { location: { latitude: Number.NaN, longitude: 16 } }, {}],
    [
      'the middle of a country is no place',
      { country: AUSTRIA, location: { ...VIENNA, accuracy_radius: 1000 } },
      { country: 'AT' },
    ],
  ])('%s', (_, record, facts) => {
    const table = tableOf('country', { type: 'GeoIP2-Country', records: { '192.0.2.0/24': record } });
    expect(look(table, '192.0.2.1')).toEqual(facts);
  });

  test('a private address is in no country, whatever a table has for it', () => {
    const records = {
      '10.0.0.0/8': { country: AUSTRIA },
      '127.0.0.0/8': { country: AUSTRIA },
      'fc00::/7': { country: AUSTRIA },
    };
    const table = tableOf('country', { type: 'GeoLite2-Country', records });
    expect(['10.1.2.3', '127.0.0.1', 'fd00::1'].map((address) => look(table, address))).toEqual([{}, {}, {}]);
  });

  test('a database for IPv4 tells nothing of IPv6', () => {
    const records = { '32.1.13.0/24': { country: AUSTRIA } };
    const table = tableOf('country', { type: 'GeoLite2-Country', ipVersion: 4, records });
    expect(look(table, '32.1.13.184')).toEqual({ country: 'AT' });
    // 2001:0db8 is 32.1.13.184 to a reader that counts bits only
    expect(look(table, '2001:db8::1')).toEqual({});
  });
});

describe('anonymising', () => {
  test.each<[string, Record<string, boolean>, string]>([
    ['Tor', { is_anonymous: true, is_tor_exit_node: true }, 'tor'],
    ['a VPN', { is_anonymous: true, is_anonymous_vpn: true }, 'vpn'],
    ['a public proxy', { is_anonymous: true, is_public_proxy: true }, 'proxy'],
    ['a residential proxy', { is_anonymous: true, is_residential_proxy: true }, 'proxy'],
    ['a hosting provider', { is_anonymous: true, is_hosting_provider: true }, 'hosting'],
    ['whatever else hides somebody', { is_anonymous: true }, 'proxy'],
    ['nothing', { is_anonymous: false, is_tor_exit_node: false }, 'none'],
    [
      'Tor before all',
      { is_hosting_provider: true, is_public_proxy: true, is_anonymous_vpn: true, is_tor_exit_node: true },
      'tor',
    ],
    [
      'a VPN before proxy and hosting',
      { is_hosting_provider: true, is_public_proxy: true, is_anonymous_vpn: true },
      'vpn',
    ],
    ['a proxy before hosting', { is_hosting_provider: true, is_public_proxy: true }, 'proxy'],
  ])('%s is told', (_, record, anonymising) => {
    const table = tableOf('anonymous', { type: 'GeoIP2-Anonymous-IP', records: { '192.0.2.0/24': record } });
    expect(look(table, '192.0.2.1')).toEqual({ anonymising });
    expect(look(table, '198.51.100.1')).toEqual({ anonymising: 'none' });
  });

  test('a database for IPv4 does not say that an IPv6 address is none', () => {
    const records = { '192.0.2.0/24': { is_anonymous: true } };
    expect(look(tableOf('anonymous', { type: 'GeoIP2-Anonymous-IP', ipVersion: 4, records }), '2001:db8::1')).toEqual(
      {},
    );
  });
});

describe('what is taken', () => {
  const records = { '192.0.2.0/24': { country: AUSTRIA } };

  test.each([
    ['country', 'GeoLite2-Country'],
    ['country', 'GeoLite2-City'],
    ['country', 'GeoIP2-Country'],
    ['country', 'GeoIP2-City'],
    ['country', 'GeoIP2-City-Europe'],
    ['country', 'GeoIP2-Enterprise'],
    ['anonymous', 'GeoIP2-Anonymous-IP'],
    ['anonymous', 'GeoIP-Anonymous-Plus'],
  ] as const)('as %s database: %s', (kind, type) => {
    expect(tableOf(kind, { type, records }).about).toBe(`${type} of 2026-11-03`);
  });

  test.each([
    ['country', 'GeoIP2-Anonymous-IP', 'give GeoLite2 or GeoIP2 Country or City'],
    ['country', 'GeoLite2-ASN', 'give GeoLite2 or GeoIP2 Country or City'],
    ['anonymous', 'GeoLite2-City', 'give GeoIP2 Anonymous IP'],
    ['anonymous', 'My-GeoIP2-Anonymous-IP', 'give GeoIP2 Anonymous IP'],
  ] as const)('not as %s database: %s', (kind, type, fix) => {
    expect(readDatabase(writeMmdb({ type, records }), kind, 'x.mmdb')).toEqual({
      ok: false,
      faults: [{ where: 'x.mmdb', problem: `is a database of another type (${type})`, fix }],
    });
  });

  const whole = writeMmdb({ type: 'GeoLite2-City', records });
  const marker = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('192.0.2.0/24\n')],
    ['a page that says no', Buffer.from('<html>Your download limit is reached</html>')],
    ['the first half', whole.subarray(0, whole.length / 2)],
    ['all but the last bytes', whole.subarray(0, -40)],
    ['the end only', whole.subarray(whole.lastIndexOf(marker))],
    ['the marker only', marker],
    ['a hole at the start', whole.subarray(100)],
    ['a hole in the middle', Buffer.concat([whole.subarray(0, 300), whole.subarray(306)])],
    ['a format of the future', writeMmdb({ type: 'GeoLite2-City', records, majorVersion: 3 })],
  ])('not a file with %s', (_, bytes) => {
    expect(readDatabase(bytes, 'country', 'x.mmdb')).toEqual({
      ok: false,
      faults: [
        {
          where: 'x.mmdb',
          problem: 'is not a whole MaxMind database',
          fix: 'give GeoLite2 or GeoIP2 Country or City: the unpacked .mmdb file',
        },
      ],
    });
  });
});
