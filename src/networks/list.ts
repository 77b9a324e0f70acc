// A list of networks in plain text, one a line, or Tor's own list of exits as it is published. Every line is a network or a
// fault: a line that is passed over is a network that nobody guards. What a line holds never gets into a fault, as the file
// may turn out to be another one than meant.

import type { Anonymising } from '../core/risk.ts';
import { readNetwork } from './network.ts';
import { createRangesBuilder } from './ranges.ts';
import { type NetworkFault, refused, type TableReading } from './table.ts';

/** Lines of Tor's list that say when and who, beside `ExitAddress`, which says where. */
const TOR_LIST = /^(?:@type|Downloaded|ExitNode|Published|LastStatus)\s/;
/** A wrong file has as many faults as lines. */
const MOST_FAULTS = 20;
/** A long list is read in steps with a turn of the event loop between them, so that no login waits behind it. */
const STEP_LINES = 5_000;

/**
 * The table of a list: it names what lies in one of its networks.
 *
 * @param names what an address in the list is
 * @param where the file, as faults are to show it
 */
export async function readList(
  bytes: Uint8Array,
  names: Exclude<Anonymising, 'none'>,
  where: string,
): Promise<TableReading> {
  const text = decode(bytes);
  if (text === undefined) return refused(where, 'is not UTF-8 text', 'give a text file with one network a line');
  const networks = createRangesBuilder();
  const faults: NetworkFault[] = [];
  let faulty = 0;
  for (const [at, line] of text.split('\n').entries()) {
    if (at % STEP_LINES === STEP_LINES - 1) await new Promise(setImmediate);
    const entry = entryOf(line);
    if (entry === '') continue;
    const network = readNetwork(entry);
    if (network !== undefined) networks.add(network);
    else if (++faulty <= MOST_FAULTS) faults.push(noNetwork(`${where}:${at + 1}`));
  }
  if (faulty > MOST_FAULTS) faults.push(andMore(where, faulty - MOST_FAULTS));
  if (faults.length > 0) return { ok: false, faults };
  const ranges = networks.build();
  // not an empty table: it would say of everybody that no table names them, and a failed download leaves just that
  if (ranges.size === 0) return refused(where, 'names no network', 'fill it, or take it out of the policy');
  return {
    ok: true,
    table: {
      about: `${ranges.size} networks`,
      look: (address) => ({ anonymising: ranges.holds(address) ? names : 'none' }),
    },
  };
}

/** The network of a line, or nothing where it has none to give. */
function entryOf(line: string): string {
  const text = line.replace(/#.*/s, '').trim();
  if (TOR_LIST.test(text)) return '';
  return /^ExitAddress\s+(\S+)(?:\s|$)/.exec(text)?.[1] ?? text;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function noNetwork(where: string): NetworkFault {
  return {
    where,
    problem: 'is not a network',
    fix: 'write one IPv4 or IPv6 network or address, like 192.0.2.0/24 or 2001:db8::/32; a comment begins with #',
  };
}

function andMore(where: string, count: number): NetworkFault {
  return {
    where,
    problem: `has ${count} more such lines`,
    fix: 'see whether this is the file that was meant',
  };
}
