/**
 * Who stands in front of the camera: an invented person, always the same one for the same seed, so that enrolling again
 * with the same or with another identity can be played.
 */
import { createHash } from 'node:crypto';

export interface Person {
  readonly firstName: string;
  readonly lastName: string;
  /** YYYY-MM-DD */
  readonly dateOfBirth: string;
  readonly documentNumber: string;
  /** ISO 3166 alpha-3 */
  readonly issuingState: string;
  readonly issuingStateName: string;
  /** ISO 3166 alpha-3; the issuing state's unless told otherwise */
  readonly nationality?: string;
  readonly documentType: string;
  readonly gender: string;
}

/** The person for a seed (a vendor's user id, as a rule), with any field replaced. */
export function makePerson(seed: string, changes: Partial<Person> = {}): Person {
  const hash = createHash('sha256').update(seed).digest();
  const pick = <T>(list: readonly T[], at: number): T => list[(hash[at] ?? 0) % list.length] as T;
  const two = (number: number): string => String(number).padStart(2, '0');
  const [issuingState, issuingStateName] = pick(STATES, 2);
  return {
    firstName: pick(FIRST_NAMES, 0),
    lastName: pick(LAST_NAMES, 1),
    dateOfBirth: `${1950 + ((hash[3] ?? 0) % 55)}-${two(1 + ((hash[4] ?? 0) % 12))}-${two(1 + ((hash[5] ?? 0) % 28))}`,
    documentNumber: hash.subarray(6, 11).toString('hex').toUpperCase(),
    issuingState,
    issuingStateName,
    documentType: pick(['Identity Card', 'Passport', "Driver's License"], 11),
    gender: pick(['F', 'M'], 12),
    ...changes,
  };
}

const FIRST_NAMES = [
  'Aiko',
  'Bruno',
  'Chloé',
  'Dorota',
  'Emeka',
  'Femke',
  'Güneş',
  'Hana',
  'Ines',
  'José',
  'Zoë',
] as const;
const LAST_NAMES = [
  'Abe',
  'Brandt',
  'Costa',
  'Dvořák',
  'Eze',
  'Fischer',
  'García',
  'Núñez',
  'O’Neill',
  'Yılmaz',
] as const;
const STATES = [
  ['ESP', 'Spain'],
  ['DEU', 'Germany'],
  ['PRT', 'Portugal'],
  ['CZE', 'Czechia'],
  ['JPN', 'Japan'],
  ['NGA', 'Nigeria'],
] as const;
