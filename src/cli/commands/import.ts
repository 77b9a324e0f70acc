// `import`: an archive into a storage that nobody has used, as the other half of a move or to restore a backup.

import { callOffRenewals } from '../../admin/call-off-renewals.ts';
import { findLeaseSeconds, takeLease } from '../../admin/lease.ts';
import type { Parts } from '../../app-parts.ts';
import { checkArchive } from '../../storage/archive/check.ts';
import { type ImportOutcome, type ImportRefusal, importArchive, MOVE_SECONDS } from '../../storage/archive/import.ts';
import { type Manner, WISHES, type Wish } from '../../storage/archive/kinds.ts';
import { createMarks } from '../../storage/archive/marks.ts';
import { totalOf } from '../../storage/archive/tally.ts';
import { type Call, type Command, expectWords, Failure, Misuse, SUCCESS } from '../command.ts';
import { columns, isoTime } from '../output.ts';
import { withConfig, withParts } from '../work.ts';
import { explained, findRunning, mebibytes, tellProgress } from './archives.ts';

const LEASE = 'moves:lease';
const GO_ON = '; what has arrived stays: the same command goes on';

export const importCommand: Command = {
  name: 'import',
  summary: 'Takes an exported file over into an empty storage: restores a backup, or ends a move',
  forms: ['import FILE [--keep KINDS] [--restore]', 'import --move FILE', 'import --check FILE'],
  options: {
    move: {
      type: 'boolean',
      about: 'everything, sessions and tokens too: of a file exported with --move within a day',
    },
    restore: { type: 'boolean', about: 'of a file exported with --move, within that day: as a backup all the same' },
    keep: { type: 'string', about: `what a restore leaves out otherwise: ${WISHES.join(',')}` },
    check: { type: 'boolean', about: 'only read the file, prove that it is whole, and count; no storage is touched' },
  },
  notes: [
    'A restore leaves out whatever lets somebody in and may have been used or taken back since the backup: sessions, tokens, codes,',
    'logins under way; and devices, passkeys, recovery codes, invitations and consents, unless they are named in --keep.',
    'Interrupted, the same command goes on. A provider starts only when it is finished.',
  ],
  async run(call) {
    const [path] = call.words;
    expectWords(call.words, 1);
    if (path === undefined) throw new Misuse('say which file: import FILE');
    const { check, keep, move, restore } = call.values;
    if (check === true) {
      if (move === true || restore === true || keep !== undefined) throw new Misuse('--check stands alone');
      return checkOnly(call, path);
    }
    if (move === true && keep !== undefined) throw new Misuse('--move keeps everything: leave out --keep');
    if (move === true && restore === true) throw new Misuse('--move or --restore, not both');
    const manner: Manner = move === true ? { kind: 'move' } : { kind: 'restore', keep: readWishes(keep) };
    return take(call, path, manner);
  },
};

/** @throws Misuse */
function readWishes(text: unknown): readonly Wish[] {
  if (typeof text !== 'string') return [];
  const words = [...new Set(text.split(',').map((word) => word.trim()))].sort();
  const unknown = words.find((word) => !WISHES.some((wish) => wish === word));
  if (unknown !== undefined) throw new Misuse(`--keep ${JSON.stringify(unknown)} is none of ${WISHES.join(', ')}`);
  return words as Wish[];
}

function checkOnly(call: Call, path: string): Promise<number> {
  return withConfig(call, async ({ dataKeys }) => {
    const tell = tellProgress(call);
    const told = (tally: Parameters<typeof totalOf>[0]) => tell({ phase: 'checking', tally });
    const { header, tally, bytes } = await explained(checkArchive(path, dataKeys, told));
    const { id, kind, createdAt, program } = header;
    if (call.json) {
      const records = totalOf(tally);
      call.out(
        JSON.stringify({ file: path, archive: id, kind, createdAt, program, bytes, records, counts: tally.counts }),
      );
      return SUCCESS;
    }
    const counts = Object.entries(tally.counts).map(([name, count]) => [name, String(count)]);
    for (const line of columns([['kind', 'in it'], ...counts, ['in all', String(totalOf(tally))]])) call.out(line);
    call.err(
      `${path}: whole, ${mebibytes(bytes)}, a ${kind} begun ${isoTime(createdAt)} by version ${program}; archive ${id}`,
    );
    return SUCCESS;
  });
}

function take(call: Call, path: string, manner: Manner): Promise<number> {
  const work = async (parts: Parts) => {
    const { backend, clock, config, journal, store } = parts;
    const importing = importArchive(
      {
        bulk: backend.bulk,
        store,
        marks: createMarks({ store }),
        clock,
        dataKeys: config.dataKeys,
        findRunning: () => findRunning(parts),
        takeLease: () => takeLease({ store, clock }, LEASE),
        async finish({ archive, taken }) {
          const records = totalOf(taken);
          const none = { calledOff: 0, unreadable: 0 };
          const { calledOff, unreadable } = manner.kind === 'restore' ? await callOffRenewals(parts) : none;
          if (calledOff > 0) call.err(`${calledOff} new faces that waited are called off: their people begin again`);
          if (unreadable > 0) call.err(`${unreadable} accounts open with none of DATA_KEYS`);
          const keep = manner.kind === 'restore' && manner.keep.length > 0 ? { keep: manner.keep.join(',') } : {};
          await journal.record({ event: 'import.finished', archive, kind: manner.kind, ...keep, records, calledOff });
          await journal.flush();
        },
        told: tellProgress(call),
        restoresMoves: call.values.restore === true,
      },
      path,
      manner,
    );
    const outcome = await explained(importing, GO_ON);
    const isBusy = outcome.kind === 'refused' && outcome.why === 'under-way';
    print(call, path, isBusy ? { ...outcome, detail: String(await findLeaseSeconds(parts, LEASE)) } : outcome);
    return SUCCESS;
  };
  return withParts(call, work, { makes: true });
}

function print(call: Call, path: string, outcome: ImportOutcome): void {
  if (outcome.kind === 'refused') throw new Failure(explain(outcome.why, outcome.detail));
  const { arrival } = outcome;
  const { archive, manner, taken, left, finishedAt = 0 } = arrival;
  if (call.json) {
    const { unwanted, expired, dangling } = left;
    const told = {
      result: outcome.kind,
      file: path,
      archive,
      as: manner.kind,
      records: totalOf(taken),
      counts: taken.counts,
    };
    call.out(JSON.stringify({ ...told, leftOut: { unwanted, expired, dangling } }));
    return;
  }
  if (outcome.kind === 'already') {
    call.out(`archive ${archive} was imported into this storage ${isoTime(finishedAt)} already; nothing was changed`);
    return;
  }
  const names = [...new Set([...Object.keys(taken.counts), ...Object.keys(left.unwanted)])].sort();
  const rows = names.map((name) => [name, String(taken.counts[name] ?? 0), String(left.unwanted[name] ?? 0)]);
  const leftOut = Object.values(left.unwanted).reduce((sum, count) => sum + count, 0);
  for (const line of columns([
    ['kind', 'imported', 'left out'],
    ...rows,
    ['in all', String(totalOf(taken)), String(leftOut)],
  ]))
    call.out(line);
  if (left.expired > 0) call.err(`${left.expired} records were over already`);
  if (left.dangling > 0)
    call.err(`${left.dangling} identifiers belonged to no account: removed, or enrolled, while the backup was made`);
  if (manner.kind === 'restore') {
    call.err(
      `restored as of ${isoTime(outcome.archive.header.createdAt)}: what was taken back since is not known here. Before you serve it,`,
    );
    call.err('remove again who was removed since, and repeat revocations: docs/operating.md, "Backups and moves"');
  }
}

function explain(why: ImportRefusal, detail = ''): string {
  switch (why) {
    case 'filled':
      return `this storage is in use (it holds ${detail}): an archive is imported into an empty one only`;
    case 'running':
      return `stop the providers on this storage first: ${detail}`;
    case 'under-way':
      return `another import into this storage is under way; if it was killed, the same command goes on in ${detail} seconds`;
    case 'other-arrival':
      return `archive ${detail} is arriving here, or this one in another manner: finish that with the same command as before, or empty the storage`;
    case 'no-move':
      return 'the file was not exported with --move, so what is in it may have changed since: import it without --move';
    case 'is-move':
      return 'the file was exported with --move: end the move with import --move. As a backup it brings no session, token, device or passkey: say --restore if that is meant';
    case 'old-move':
      return `the file was exported more than ${MOVE_SECONDS / 3600} hours ago, and may have been imported elsewhere since: import it without --move`;
  }
}
