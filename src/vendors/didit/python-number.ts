// Numbers as Python prints them in the text that Didit signs: a float whose value is whole becomes an integer, another
// float its shortest form, with an exponent of two digits below 0.0001, where JavaScript still writes zeros.

/** As many digits as Python converts; more is no number the vendor could have printed. */
const MAX_DIGITS = 4300;

/**
 * The text of a JSON number in the canonical form, or undefined for one that no double holds (1e999).
 *
 * @param source the number as it stood in the body, in JSON's grammar
 */
export function pythonNumber(source: string): string | undefined {
  if (/^-?[0-9]+$/.test(source)) {
    // an integer keeps its digits: those beyond 2^53 would not survive a double
    if (source.length > MAX_DIGITS) return undefined;
    return source === '-0' ? '0' : source;
  }
  const value = Number(source);
  if (!Number.isFinite(value)) return undefined;
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-([0-9])$/, 'e-0$1');
}
