import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { loadNetworks } from '../../src/networks/load.ts';
import { writeMmdb } from './mmdb-writer.ts';
import { faultsOf, makeFolder, NO_FILES, tablesOf } from './support.ts';

let folder: Awaited<ReturnType<typeof makeFolder>>;
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => folder.remove());

test('no files are no tables and no fault', async () => {
  expect(await loadNetworks(NO_FILES)).toEqual({ ok: true, tables: [] });
});

test('every table says what it holds', async () => {
  await writeFile(folder.path('tor.txt'), '192.0.2.1\n192.0.2.2\n');
  await writeFile(folder.path('city.mmdb'), writeMmdb({ type: 'GeoLite2-City', records: { '192.0.2.0/24': {} } }));
  const tables = await tablesOf({ tor: [folder.path('tor.txt')], countryDatabase: folder.path('city.mmdb') });
  expect(tables.map(({ source, table }) => [source.kind, table.about])).toEqual([
    ['tor', '2 networks'],
    ['country', 'GeoLite2-City of 2026-11-03'],
  ]);
});

test('the faults of all files are told at once', async () => {
  await writeFile(folder.path('tor.txt'), '192.0.2.1\nnowhere\n192.0.2.2\nnor here\n');
  await writeFile(folder.path('good.txt'), '198.51.100.0/24\n');
  await mkdir(folder.path('folder'));
  await writeFile(folder.path('asn.mmdb'), writeMmdb({ type: 'GeoLite2-ASN', records: { '192.0.2.0/24': {} } }));
  await writeFile(folder.path('text.mmdb'), '192.0.2.0/24\n');
  const faults = await faultsOf({
    tor: [folder.path('tor.txt')],
    vpn: [folder.path('good.txt'), folder.path('missing.txt')],
    hosting: [folder.path('folder'), `${folder.path('good.txt')}/below`],
    countryDatabase: folder.path('asn.mmdb'),
    anonymousDatabase: folder.path('text.mmdb'),
  });
  expect(faults.map(({ where, problem }) => [where, problem])).toEqual([
    [`${folder.path('tor.txt')}:2`, 'is not a network'],
    [`${folder.path('tor.txt')}:4`, 'is not a network'],
    [folder.path('missing.txt'), 'does not exist'],
    [folder.path('folder'), 'is not a regular file'],
    [`${folder.path('good.txt')}/below`, 'does not exist'],
    [folder.path('asn.mmdb'), 'is a database of another type (GeoLite2-ASN)'],
    [folder.path('text.mmdb'), 'is not a whole MaxMind database'],
  ]);
  for (const { fix } of faults) expect(fix).not.toBe('');
});

test('a list larger than any list is not read', async () => {
  await writeFile(folder.path('huge.txt'), '192.0.2.1\n');
  await truncate(folder.path('huge.txt'), 65 * 2 ** 20);
  expect(await faultsOf({ tor: [folder.path('huge.txt')] })).toMatchObject([{ problem: 'is larger than 64 MiB' }]);
});

test('a file that is written to while it is read is refused', async () => {
  await writeFile(folder.path('tor.txt'), '192.0.2.1\n');
  // large enough that it is written to many times before it is read to the end
  await truncate(folder.path('tor.txt'), 48 * 2 ** 20);
  let read = false;
  const reading = faultsOf({ tor: [folder.path('tor.txt')] }).finally(() => {
    read = true;
  });
  while (!read) await appendFile(folder.path('tor.txt'), '#');
  expect(await reading).toMatchObject([{ where: folder.path('tor.txt'), problem: 'was written to while it was read' }]);
});

test('a pipe that nobody writes to is refused at once', async () => {
  execFileSync('mkfifo', [folder.path('pipe')]);
  expect(await faultsOf({ tor: [folder.path('pipe')] })).toMatchObject([{ problem: 'is not a regular file' }]);
});

test('what cannot be opened is told with the reason', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(folder.path('socket'), resolve));
  try {
    expect(await faultsOf({ tor: [folder.path('socket')] })).toMatchObject([{ problem: 'cannot be read (ENXIO)' }]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
