import { describe, expect, test } from '@jest/globals';
import type { Coordinates, RuleOptions } from '../../../src/core/risk.ts';
import { greatCircleKm } from '../../../src/core/risk-rules/impossible-travel.ts';
import { HOUR, heard, NOW } from './signals.ts';

const at = (latitude: number, longitude: number): Coordinates => ({ latitude, longitude });
const zero = at(0, 0);
/** one degree along a great circle */
const DEGREE_KM = 111.195;
const berlin = at(52.52, 13.405);
const paris = at(48.8566, 2.3522);
const sydney = at(-33.8688, 151.2093);
const auckland = at(-36.8485, 174.7633);
const honolulu = at(21.3069, -157.8583);

describe('the way over the ground', () => {
  // city to city: figured with vectors (arc tangent of cross over dot product), another formula than the one under test
  const ways: [string, Coordinates, Coordinates, number][] = [
    ['no way', berlin, berlin, 0],
    ['a degree of the equator', zero, at(0, 1), DEGREE_KM],
    ['a degree of a meridian', at(60, 20), at(61, 20), DEGREE_KM],
    ['a degree of the 60th parallel is half as long', at(60, 20), at(60, 21), DEGREE_KM / 2],
    ['Berlin to Paris', berlin, paris, 878],
    ['Berlin to Sydney', berlin, sydney, 16_095],
    ['across the antimeridian', at(0, 179.5), at(0, -179.5), DEGREE_KM],
    ['across the antimeridian, far', auckland, honolulu, 7_076],
    ['the antimeridian by either name', at(10, 180), at(10, -180), 0],
    ['the pole by any longitude', at(90, 0), at(90, 135), 0],
    ['the other pole by any longitude', at(-90, -20), at(-90, 77), 0],
    ['over the pole', at(89.5, 0), at(89.5, 180), DEGREE_KM],
    ['over the other pole', at(-89, 30), at(-89, -150), 2 * DEGREE_KM],
    ['pole to equator', at(90, 0), at(0, 60), 90 * DEGREE_KM],
    ['pole to pole', at(90, 0), at(-90, 0), 180 * DEGREE_KM],
    ['antipodes', at(37, 23), at(-37, -157), 180 * DEGREE_KM],
  ];
  test.each(ways)('%s', (_name, a, b, km) => {
    // within 1 km or a thousandth
    expect(Math.abs(greatCircleKm(a, b) - km)).toBeLessThanOrEqual(km === 0 ? 1e-6 : Math.max(1, km / 1000));
    expect(greatCircleKm(b, a)).toBeCloseTo(greatCircleKm(a, b), 6);
  });

  test('antipodes have a way wherever they are, though rounding goes past the half circle', () => {
    for (let latitude = -90; latitude <= 90; latitude += 0.7) {
      for (let longitude = -180; longitude <= 0; longitude += 3.1) {
        const way = greatCircleKm(at(latitude, longitude), at(-latitude, longitude + 180));
        expect(way).toBeCloseTo(20_015.1, 0);
      }
    }
  });
});

describe('faster than anybody travels', () => {
  const speaks = (here: Coordinates, place: Coordinates, elapsed: number, options: RuleOptions = {}) =>
    heard('impossible_travel', { here, last: { at: NOW - elapsed, place } }, options) === 'impossible-travel';

  test('a place that is not known says nothing', () => {
    expect(heard('impossible_travel', {})).toBeUndefined();
    expect(heard('impossible_travel', { here: sydney })).toBeUndefined();
    expect(heard('impossible_travel', { last: { at: NOW - 1, place: berlin } })).toBeUndefined();
  });

  const journeys: [string, Coordinates, Coordinates, number, boolean][] = [
    ['the same place at once', berlin, berlin, 0, false],
    ['Berlin to Sydney in an hour', berlin, sydney, HOUR, true],
    ['Berlin to Sydney in 16 hours', berlin, sydney, 16 * HOUR, true],
    ['Berlin to Sydney in 17 hours', berlin, sydney, 17 * HOUR, false],
    ['Berlin to Paris in 50 minutes', berlin, paris, 3000, true],
    ['Berlin to Paris in 55 minutes', berlin, paris, 3300, false],
    ['299 km in a second', zero, at(0, 299 / DEGREE_KM), 1, false],
    ['301 km in a second', zero, at(0, 301 / DEGREE_KM), 1, true],
    ['301 km in no time', zero, at(0, 301 / DEGREE_KM), 0, true],
    ['299 km in no time', zero, at(0, 299 / DEGREE_KM), 0, false],
    ['301 km in less than no time', zero, at(0, 301 / DEGREE_KM), -HOUR, true],
    ['299 km in less than no time', zero, at(0, 299 / DEGREE_KM), -HOUR, false],
    ['Berlin to Sydney, last seen a year ahead', berlin, sydney, -365 * 24 * HOUR, true],
    ['next door across the antimeridian', at(0, 179.9), at(0, -179.9), 1, false],
    ['next door across the pole', at(89.9, 0), at(89.9, 180), 1, false],
  ];
  test.each(journeys)('%s', (_name, place, here, elapsed, expected) => {
    expect(speaks(here, place, elapsed)).toBe(expected);
    expect(speaks(place, here, elapsed)).toBe(expected);
  });

  test('from exactly km on it is a way, and exactly kmh is still travel', () => {
    const here = at(0, 10);
    const km = greatCircleKm(zero, here);
    expect(speaks(here, zero, 1, { km })).toBe(true);
    expect(speaks(here, zero, 1, { km: km + 1e-6 })).toBe(false);
    expect(speaks(here, zero, HOUR, { kmh: km })).toBe(false);
    expect(speaks(here, zero, HOUR - 1, { kmh: km })).toBe(true);
    expect(speaks(here, zero, HOUR, { kmh: km - 1e-6 })).toBe(true);
  });

  test('one option leaves the other at its default', () => {
    expect(speaks(paris, berlin, HOUR, { km: 900 })).toBe(false);
    expect(speaks(paris, berlin, HOUR, { km: 100 })).toBe(false);
    expect(speaks(paris, berlin, HOUR, { kmh: 800 })).toBe(true);
    expect(speaks(at(0, 1), zero, 1, { kmh: 10 })).toBe(false);
  });

  test('a place that is no number was nowhere near', () => {
    expect(speaks(at(Number.NaN, 0), berlin, 365 * 24 * HOUR)).toBe(true);
  });
});
