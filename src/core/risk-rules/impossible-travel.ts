// Speaks when nobody could have come from the last login to this one in the time between: two people hold one account, or a remembered
// device was copied.

import type { Coordinates, Rule } from '../risk.ts';

const HOUR_SECONDS = 3600;
/** mean radius, IUGG */
const EARTH_KM = 6371.0088;

/**
 * At least `km` away, and faster than `kmh`; exactly `kmh` is still travel. No time between, or less than none (two replicas, two
 * clocks), is no time to get anywhere. A place that is no number speaks as well. Either place unknown: silent, as tables have holes and
 * everybody in one would be asked.
 */
export const impossibleTravel: Rule = {
  speaks({ now, here, last }, { km, kmh }) {
    if (here === undefined || last === undefined) return undefined;
    const distance = greatCircleKm(last.place, here);
    if (distance < km) return undefined;
    const hours = (now - last.at) / HOUR_SECONDS;
    return hours > 0 && distance / hours <= kmh ? undefined : 'impossible-travel';
  },
};

/** The shortest way over the ground, by the haversine: exact for near points, and the same across the antimeridian and the poles. */
export function greatCircleKm(a: Coordinates, b: Coordinates): number {
  const latitude = radians(b.latitude - a.latitude);
  const longitude = radians(b.longitude - a.longitude);
  const haversine =
    Math.sin(latitude / 2) ** 2 +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(longitude / 2) ** 2;
  // rounding carries some antipodes one bit past 1, where there is no arc sine; the square root takes that back
  return 2 * EARTH_KM * Math.asin(Math.sqrt(haversine));
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
