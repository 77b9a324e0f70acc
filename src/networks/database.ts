// MaxMind databases: where an address is, and whether it hides somebody. A database is believed only when it is whole and of
// the type that is asked for, as another one would answer every question with silence. What its records hold is read as
// unknown: the type says what should be there, not what is.

import { Reader, type Response } from 'mmdb-lib';
import { isPrivateAddress } from '../core/address.ts';
import type { Anonymising, Coordinates } from '../core/risk.ts';
import type { NetworkFacts } from '../login/ports.ts';
import type { Address } from './network.ts';
import { refused, type TableReading } from './table.ts';

export type DatabaseKind = 'country' | 'anonymous';

/** By the name that a database carries in itself: files are renamed freely. */
const TYPES: Readonly<Record<DatabaseKind, { readonly names: RegExp; readonly meant: string }>> = {
  country: {
    names: /^Geo(?:Lite2|IP2)-(?:Precision-)?(?:Country|City|Enterprise)(?:-|$)/,
    meant: 'give GeoLite2 or GeoIP2 Country or City',
  },
  anonymous: { names: /^GeoIP2?-Anonymous-(?:IP|Plus)(?:-|$)/, meant: 'give GeoIP2 Anonymous IP' },
};

const METADATA_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
/** zeros between the tree and the data */
const SEPARATOR_BYTES = 16;
/** The greatest radius there is: the middle of a country, which would make a journey of every lesser guess. */
const NOWHERE_KM = 1_000;

/**
 * The table of a database; keeps `bytes` for as long as it is used.
 *
 * @param where the file, as faults are to show it
 * @see https://maxmind.github.io/MaxMind-DB/
 */
export function readDatabase(bytes: Buffer, kind: DatabaseKind, where: string): TableReading {
  const { names, meant } = TYPES[kind];
  const reader = openWhole(bytes);
  if (reader === undefined)
    return refused(where, 'is not a whole MaxMind database', `${meant}: the unpacked .mmdb file`);
  const { databaseType, buildEpoch, ipVersion } = reader.metadata;
  if (!names.test(databaseType)) {
    const type = /^[\w .()=-]{1,60}$/.test(databaseType) ? databaseType : 'unnamed';
    return refused(where, `is a database of another type (${type})`, meant);
  }
  const factsOf = kind === 'country' ? whereabouts : hiding;
  return {
    ok: true,
    table: {
      about: `${databaseType} of ${buildEpoch.toISOString().slice(0, 10)}`,
      look: (address) => {
        // the reader would take the first 32 bits of an IPv6 address for an IPv4 one
        if (address.family === 6 && ipVersion === 4) return {};
        return factsOf(reader.get(address.text), address);
      },
    },
  };
}

function openWhole(bytes: Buffer): Reader<Response> | undefined {
  // it stands behind all else, so a file that was cut off has none
  const metadataAt = bytes.lastIndexOf(METADATA_MARKER);
  if (metadataAt === -1) return undefined;
  try {
    const reader = new Reader<Response>(bytes);
    const { metadata } = reader;
    const dataAt = metadata.searchTreeSize + SEPARATOR_BYTES;
    const whole =
      metadata.binaryFormatMajorVersion === 2 &&
      (metadata.ipVersion === 4 || metadata.ipVersion === 6) &&
      typeof metadata.databaseType === 'string' &&
      !Number.isNaN(metadata.buildEpoch.getTime()) &&
      dataAt <= metadataAt &&
      bytes.subarray(metadata.searchTreeSize, dataAt).every((byte) => byte === 0);
    return whole ? reader : undefined;
  } catch {
    return undefined;
  }
}

/** A private address is wherever its network is, whatever a table has for it. */
function whereabouts(record: unknown, address: Address): NetworkFacts {
  if (isPrivateAddress(address.text)) return {};
  const country = countryCode(property(record, 'country')) ?? countryCode(property(record, 'registered_country'));
  const place = readPlace(property(record, 'location'));
  return { ...(country !== undefined && { country }), ...(place !== undefined && { place }) };
}

function countryCode(country: unknown): string | undefined {
  const code = property(country, 'iso_code');
  return typeof code === 'string' && /^[A-Z]{2}$/.test(code) ? code : undefined;
}

function readPlace(location: unknown): Coordinates | undefined {
  const latitude = property(location, 'latitude');
  const longitude = property(location, 'longitude');
  const radius = property(location, 'accuracy_radius');
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return undefined;
  if (typeof radius === 'number' && radius >= NOWHERE_KM) return undefined;
  // also false for what is not a number
  return Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 ? { latitude, longitude } : undefined;
}

function hiding(record: unknown): NetworkFacts {
  const is = (flag: string) => property(record, flag) === true;
  return { anonymising: strongest(is) };
}

function strongest(is: (flag: string) => boolean): Anonymising {
  if (is('is_tor_exit_node')) return 'tor';
  if (is('is_anonymous_vpn')) return 'vpn';
  if (is('is_public_proxy') || is('is_residential_proxy')) return 'proxy';
  if (is('is_hosting_provider')) return 'hosting';
  // hides somebody, and the table does not say how
  return is('is_anonymous') ? 'proxy' : 'none';
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
