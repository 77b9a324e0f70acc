// What a run may be told on its command line.

import { parseArgs } from 'node:util';
import { BadUsage } from '../bench/options.ts';
import { ENGINES, type Engine } from '../test/support/servers.ts';

export interface Options {
  /** R1 … R13; empty for all */
  readonly only: readonly string[];
  readonly engines: readonly Engine[];
  readonly size: 'usual' | 'quick' | 'tiny';
  readonly seed: number;
  /** of R6 only the points whose name holds this */
  readonly point: string;
}

export const USAGE = `usage: npm run faults -- [options]

  --only R6[,R7]     these faults only
  --engine NAME      sqlite, redis or postgres; comma list; all that are there without it
  --quick            fewer rounds and engines
  --tiny             one round of each, to see that a check runs at all
  --seed N           the choices of an earlier run again
  --point WORDS      R6 only at points whose name holds these words
`;

const LAST_FAULT = 13;

/** @throws BadUsage */
export function readOptions(args: readonly string[]): Options {
  const values = parse(args);
  const only = list(values.only);
  for (const fault of only) {
    const number = /^R(\d{1,2})$/.exec(fault)?.[1];
    if (!(Number(number) >= 1 && Number(number) <= LAST_FAULT)) throw new BadUsage(`--only is R1 to R${LAST_FAULT}`);
  }
  const engines = list(values.engine);
  for (const engine of engines) {
    if (!ENGINES.includes(engine as Engine)) throw new BadUsage(`--engine is ${ENGINES.join(', ')}`);
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new BadUsage('--seed is a whole number');
  return {
    only,
    engines: engines.length === 0 ? ENGINES : (engines as Engine[]),
    size: values.tiny ? 'tiny' : values.quick ? 'quick' : 'usual',
    seed,
    point: values.point ?? '',
  };
}

function list(text: string | undefined): readonly string[] {
  return text === undefined ? [] : text.split(',').filter(Boolean);
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const options = { only: text, engine: text, seed: text, point: text, quick: flag, tiny: flag };
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new BadUsage((error as Error).message);
  }
}
