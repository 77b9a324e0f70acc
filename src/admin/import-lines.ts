// An import file: its lines, and what is wrong between them.

import { type ImportLine, type ImportNames, type LineFault, readLine } from './import-line.ts';

export interface ImportReading {
  readonly names: readonly ImportNames[];
  /** without faults of their own */
  readonly people: readonly ImportLine[];
  readonly faults: readonly LineFault[];
}

/** @param text JSON lines; empty ones are passed over */
export function readImportLines(text: string): ImportReading {
  const readings = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .flatMap((line, index) => (line.trim() === '' ? [] : [readLine(line, index + 1)]));
  const names = readings.map((reading) => reading.names);
  return {
    names,
    people: readings.flatMap(({ person }) => (person ? [person] : [])),
    faults: [
      ...readings.flatMap((reading) => reading.faults),
      ...repeated(names, 'identifier', ({ identifier }) => identifier),
      ...repeated(names, 'vendor_data', ({ subject }) => subject && foldSubject(subject)),
    ],
  };
}

/** Two names of people at the vendor that it may take for one: its own words on letter case differ. */
export function foldSubject(subject: string): string {
  return subject.normalize('NFKC').toLowerCase();
}

function repeated(
  lines: readonly ImportNames[],
  name: string,
  keyOf: (line: ImportNames) => string | undefined,
): LineFault[] {
  const seen = new Map<string, number>();
  const fix = 'write each person once, with a name of their own at the vendor';
  return lines.flatMap((each) => {
    const key = keyOf(each);
    const first = key === undefined ? undefined : seen.get(key);
    if (key !== undefined && first === undefined) seen.set(key, each.line);
    return first === undefined ? [] : [{ line: each.line, problem: `${name} is that of line ${first}`, fix }];
  });
}
