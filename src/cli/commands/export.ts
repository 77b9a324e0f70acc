// `export`: everything of the storage in one encrypted file, for a backup or for a move to another engine.

import {
  type ExportOutcome,
  type ExportRefusal,
  exportArchive,
  RESUMABLE_SECONDS,
} from '../../storage/archive/export.ts';
import { createMarks } from '../../storage/archive/marks.ts';
import { totalOf } from '../../storage/archive/tally.ts';
import { type Call, type Command, expectWords, Failure, Misuse, SUCCESS } from '../command.ts';
import { columns } from '../output.ts';
import { readVersion } from '../version.ts';
import { withParts } from '../work.ts';
import { explained, findRunning, mebibytes, tellProgress } from './archives.ts';

const GO_ON = '; what is written stays: go on with --resume';

export const exportCommand: Command = {
  name: 'export',
  summary: 'Writes everything of the storage to one encrypted file, for a backup or a move',
  forms: ['export FILE [--resume]', 'export --move FILE [--resume]', 'export --call-off'],
  options: {
    move: { type: 'boolean', about: 'to serve from elsewhere: no provider starts on this storage again' },
    resume: { type: 'boolean', about: 'go on with FILE.part, which an interrupted export left' },
    'call-off': { type: 'boolean', about: 'the move is off: providers may start on this storage again' },
  },
  notes: [
    'A backup may be made while providers run; for a move they are stopped. The file is encrypted with the first of DATA_KEYS:',
    'keep those elsewhere. It is readable for its owner only, and none is overwritten.',
  ],
  async run(call) {
    const { move, resume } = call.values;
    if (call.values['call-off'] === true) {
      expectWords(call.words, 0);
      if (move === true || resume === true) throw new Misuse('--call-off stands alone');
      return callOff(call);
    }
    const [path] = call.words;
    expectWords(call.words, 1);
    if (path === undefined) throw new Misuse('say to which file: export FILE');
    return write(call, { path, kind: move === true ? 'move' : 'backup', resume: resume === true });
  },
};

function write(call: Call, order: Parameters<typeof exportArchive>[1]): Promise<number> {
  return withParts(call, async ({ backend, clock, config, instances, journal, sealer, store }) => {
    const work = exportArchive(
      {
        bulk: backend.bulk,
        marks: createMarks({ store }),
        clock,
        dataKeys: config.dataKeys,
        source: sealer.keyedHash(backend.description, 'archive-source'),
        program: await readVersion(),
        findRunning: () => findRunning({ instances }),
        async begun({ id, kind }) {
          await journal.record({ event: 'export.begun', archive: id, kind });
          await journal.flush();
        },
        told: tellProgress(call),
      },
      order,
    );
    print(call, order.path, await explained(work, GO_ON));
    return SUCCESS;
  });
}

function print(call: Call, path: string, outcome: ExportOutcome): void {
  if (outcome.kind === 'refused') throw new Failure(explain(path, outcome.why, outcome.detail));
  const { header, tally, bytes } = outcome;
  const records = totalOf(tally);
  if (call.json) {
    const { id: archive, kind, createdAt } = header;
    call.out(JSON.stringify({ file: path, archive, kind, createdAt, bytes, records, counts: tally.counts }));
    return;
  }
  const counts = Object.entries(tally.counts).map(([name, count]) => [name, String(count)]);
  for (const line of columns([['kind', 'exported'], ...counts, ['in all', String(records)]])) call.out(line);
  call.err(`${path}: ${mebibytes(bytes)}, read again and whole; archive ${header.id}`);
  if (header.kind === 'move') {
    call.err(
      'no provider starts on this storage any more; within a day: import --move FILE where it is to be served from',
    );
  }
}

function explain(path: string, why: ExportRefusal, detail = ''): string {
  switch (why) {
    case 'file-exists':
      return `${path} is there already; it was not overwritten`;
    case 'part-exists':
      return `${path}.part is there, of an export that was interrupted: go on with --resume, or remove it`;
    case 'no-part':
      return `there is no ${path}.part to go on with`;
    case 'other-part':
      return `${path}.part is of another storage, or of the other kind (with or without --move)`;
    case 'torn-part':
      return `${path}.part holds nothing to go on with: remove it, and begin again`;
    case 'old-part':
      return `${path}.part was begun more than ${RESUMABLE_SECONDS / 3600} hours ago: remove it, and begin again`;
    case 'running':
      return `stop the providers on this storage first: ${detail}`;
    case 'arriving':
      return 'an import into this storage was not finished: finish it first';
  }
}

function callOff(call: Call): Promise<number> {
  return withParts(call, async ({ journal, store }) => {
    const departure = await createMarks({ store }).callOff();
    if (!departure) throw new Failure('this storage was not moved away');
    await journal.record({ event: 'export.called-off', archive: departure.archive });
    if (call.json) call.out(JSON.stringify({ archive: departure.archive, calledOff: true }));
    else call.out(`providers may start on this storage again; never import archive ${departure.archive} with --move`);
    return SUCCESS;
  });
}
