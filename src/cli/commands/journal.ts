// `journal`: what was decided about logins, and the proof that nobody rewrote it.

import type { JournalLine } from '../../telemetry/journal.ts';
import { type Call, type Command, expectWords, FAILED, Misuse, readAction, SUCCESS } from '../command.ts';
import { columns, isoTime } from '../output.ts';
import { PERIOD, readPeriod } from '../values.ts';
import { withParts } from '../work.ts';

/** So many lines are set in columns together: a long journal is printed while it is read. */
const PAGE = 200;

export const journal: Command = {
  name: 'journal',
  summary: 'Prints audit events, or verifies that none was changed, removed or slipped in',
  forms: ['journal [--since DATE] [--until DATE] [--event NAME]', 'journal verify'],
  options: {
    ...PERIOD,
    event: { type: 'string', about: "only these: login.revoked, or 'logout.*' for all that begin so" },
  },
  notes: [
    'With --json, lines are as they were hashed, at in epoch seconds. A chain does not show that its end was cut off: keep',
    'the newest hash elsewhere, and compare.',
  ],
  async run(call) {
    expectWords(call.words, 1);
    if (call.words.length > 0 && readAction(call.words, ['verify']) === 'verify') return verify(call);
    const isInPeriod = readPeriod(call.values);
    const isEvent = readEvent(call.values);
    return withParts(call, async (parts) => {
      let page: JournalLine[] = [];
      let count = 0;
      for await (const line of parts.journal.entries()) {
        if (!isInPeriod(line.at) || !isEvent(line.event)) continue;
        count += 1;
        if (call.json) call.out(JSON.stringify(line));
        else page.push(line);
        if (page.length < PAGE) continue;
        print(call, page);
        page = [];
      }
      print(call, page);
      if (count === 0 && !call.json) call.out('no events');
      return SUCCESS;
    });
  },
};

/** A name, or the beginning of names with a star behind it. @throws Misuse */
function readEvent({ event }: Call['values']): (name: string) => boolean {
  if (typeof event !== 'string') return () => true;
  const [, beginning = '', star] = /^([a-z][a-z.-]*)(\*)?$/.exec(event) ?? [];
  if (beginning === '')
    throw new Misuse("--event is the name of an event, or its beginning: login.revoked, 'logout.*'");
  return (name) => (star ? name.startsWith(beginning) : name === beginning);
}

function verify(call: Call): Promise<number> {
  return withParts(call, async (parts) => {
    const reading = await parts.journal.verify();
    if (call.json) {
      const { ok } = reading;
      call.out(
        JSON.stringify(reading.ok ? { ok, count: reading.count, hash: reading.hash } : { ok, line: reading.at }),
      );
    } else if (reading.ok) call.out(`whole: ${reading.count} lines, the newest hash is ${reading.hash}`);
    else call.out(`broken: line ${reading.at} does not follow from the one before it`);
    return reading.ok ? SUCCESS : FAILED;
  });
}

function print(call: Call, page: readonly JournalLine[]): void {
  const rows = page.map(({ at, event, attempt, reasons }) => [isoTime(at), event, attempt ?? '-', reasons.join(' ')]);
  for (const line of columns(rows)) call.out(line);
}
