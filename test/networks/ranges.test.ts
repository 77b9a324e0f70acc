import { describe, expect, test } from '@jest/globals';
import { readAddress, readNetwork } from '../../src/networks/network.ts';
import { createRangesBuilder, type Ranges } from '../../src/networks/ranges.ts';

function rangesOf(...networks: readonly string[]): Ranges {
  const builder = createRangesBuilder();
  for (const text of networks) {
    const network = readNetwork(text);
    if (network === undefined) throw new Error(`${text} is no network`);
    builder.add(network);
  }
  return builder.build();
}

function holds(ranges: Ranges, text: string): boolean {
  const address = readAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return ranges.holds(address);
}

/** The same numbers in every run: mulberry32. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

describe('boundaries', () => {
  test.each([
    ['192.0.2.0/24', ['192.0.2.0', '192.0.2.255'], ['192.0.1.255', '192.0.3.0']],
    ['192.0.2.4/31', ['192.0.2.4', '192.0.2.5'], ['192.0.2.3', '192.0.2.6']],
    ['192.0.2.5', ['192.0.2.5'], ['192.0.2.4', '192.0.2.6']],
    ['128.0.0.0/1', ['128.0.0.0', '255.255.255.255'], ['127.255.255.255', '0.0.0.0']],
    ['0.0.0.0/1', ['0.0.0.0', '127.255.255.255'], ['128.0.0.0']],
    ['255.255.255.255', ['255.255.255.255'], ['255.255.255.254', '0.0.0.0']],
    ['2001:db8::/33', ['2001:db8::', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'], ['2001:db7:ffff::', '2001:db8:8000::']],
    ['2001:db8::5/126', ['2001:db8::4', '2001:db8::7'], ['2001:db8::3', '2001:db8::8']],
    ['2001:db8::1', ['2001:db8::1'], ['2001:db8::', '2001:db8::2']],
    ['8000::/1', ['8000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'], ['7fff::', '::1']],
  ])('%s ends where it says', (network, inside, outside) => {
    const ranges = rangesOf(network);
    expect(inside.map((address) => holds(ranges, address))).toEqual(inside.map(() => true));
    expect(outside.map((address) => holds(ranges, address))).toEqual(outside.map(() => false));
  });

  test('no networks hold nothing', () => {
    expect(holds(rangesOf(), '192.0.2.1')).toBe(false);
    expect(holds(rangesOf(), '::1')).toBe(false);
  });
});

describe('networks within others', () => {
  test('are merged into them, in whatever order they come', () => {
    const networks = ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/9', '10.255.255.255', '11.0.0.0/8', '10.0.0.0/8'];
    for (const order of [networks, networks.toReversed()]) {
      const ranges = rangesOf(...order);
      expect(ranges.size).toBe(2);
      expect(
        ['9.255.255.255', '10.0.0.0', '10.200.0.1', '10.255.255.255', '11.9.9.9', '12.0.0.0'].map((a) =>
          holds(ranges, a),
        ),
      ).toEqual([false, true, true, true, true, false]);
    }
  });

  test('are merged in IPv6 as well', () => {
    const ranges = rangesOf('2001:db8:1::/48', '2001:db8::/32', '2001:db8::', '2001:db9::/32');
    expect(ranges.size).toBe(2);
    expect(holds(ranges, '2001:db8:ffff::1')).toBe(true);
  });

  test('a narrow network at the start of a wide one hides nothing of it', () => {
    expect(holds(rangesOf('10.0.0.0/30', '10.0.0.0/8'), '10.9.9.9')).toBe(true);
  });
});

describe('200,000 networks answer as a slow search does', () => {
  const random = seeded(20261121);
  const four = Array.from({ length: 150_000 }, () => {
    // mostly narrow, and within a part of all addresses, so that both answers and nesting come up
    const bits = 20 + (random() % 13);
    const size = 2 ** (32 - bits);
    const first = Math.floor((random() % 2 ** 31) / size) * size;
    return { first, last: first + size - 1, bits };
  });
  const six = Array.from({ length: 50_000 }, () => {
    const bits = 24 + (random() % 105);
    const size = 1n << BigInt(128 - bits);
    const drawn = (0x2001n << 112n) | (BigInt(random()) << 80n) | (BigInt(random()) << 32n) | BigInt(random());
    const first = (drawn / size) * size;
    return { first, last: first + size - 1n, bits };
  });
  const builder = createRangesBuilder();
  for (const { first, bits } of four) builder.add({ family: 4, first, bits });
  for (const { first, bits } of six) builder.add({ family: 6, first, bits });
  const ranges = builder.build();

  test('in IPv4', () => {
    const edges = four.slice(0, 100).flatMap(({ first, last }) => [first - 1, first, last, last + 1]);
    const asked = [...Array.from({ length: 400 }, () => random() % 2 ** 31), ...edges].filter((value) => value >= 0);
    const answers = asked.map((value) => ranges.holds({ family: 4, text: '', value }));
    expect(answers).toEqual(asked.map((value) => four.some(({ first, last }) => first <= value && value <= last)));
    expect(new Set(answers)).toEqual(new Set([true, false]));
  });

  test('in IPv6', () => {
    const edges = six.slice(0, 60).flatMap(({ first, last }) => [first - 1n, first, last, last + 1n]);
    const asked = [...Array.from({ length: 100 }, () => (0x2001n << 112n) | (BigInt(random()) << 80n)), ...edges];
    const answers = asked.map((value) => ranges.holds({ family: 6, text: '', value }));
    expect(answers).toEqual(asked.map((value) => six.some(({ first, last }) => first <= value && value <= last)));
    expect(new Set(answers)).toEqual(new Set([true, false]));
  });
});
