// The process itself: how it starts, what keeps it from starting, how it stops.

import { once } from 'node:events';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { freePort } from '../support/ports.ts';
import {
  CLI,
  cli,
  development,
  ended,
  halfRequest,
  knows,
  linesOf,
  logged,
  MAIN,
  newFolder,
  refusesNewcomers,
  said,
  start,
} from './support.ts';

async function demoEnv(): Promise<Record<string, string>> {
  const [PORT, DEMO_VENDOR_PORT, DEMO_CLIENT_PORT] = (await Promise.all([freePort(), freePort(), freePort()])).map(
    String,
  );
  return { PORT, DEMO_VENDOR_PORT, DEMO_CLIENT_PORT } as Record<string, string>;
}

async function listenOn(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

test('a taken port is exit code 1 and names the setting', async () => {
  const place = await development();
  const other = await listenOn(place.port);
  const [main, command] = await Promise.all([ended(start([MAIN], place)), cli(['serve'], place)]);
  other.close();
  for (const { code, err } of [main, command]) {
    expect(code).toBe(1);
    expect(err).toContain(`PORT: 127.0.0.1:${place.port} is taken; set PORT to a free one`);
    expect(err).not.toContain('    at ');
  }
});

test('a demo that others could reach is refused, with every fault, and nothing is made', async () => {
  const place = { cwd: await newFolder(), env: { HOST: '0.0.0.0', ISSUER: 'http://demo.example', PRT: '1' } };
  const [main, command] = await Promise.all([ended(start([MAIN], place)), cli(['serve', '--json'], place)]);
  expect(main).toMatchObject({ code: 2, out: '' });
  for (const name of ['HOST', 'ISSUER', 'PRT']) expect(main.err).toContain(`  ${name}: `);
  expect(command.code).toBe(2);
  expect(command.json().map(({ where }) => where)).toEqual(expect.arrayContaining(['HOST', 'ISSUER', 'PRT']));
  expect(await readdir(place.cwd)).toEqual([]);
});

test('the demo prints its three addresses and nothing else; a second one takes other ports and another file', async () => {
  const place = { cwd: await newFolder(), env: await demoEnv() };
  const first = start([MAIN], place);
  expect(await said(first, 3)).toEqual([
    `provider http://localhost:${place.env.PORT}`,
    `stand-in http://localhost:${place.env.DEMO_VENDOR_PORT}`,
    `client http://localhost:${place.env.DEMO_CLIENT_PORT}`,
  ]);
  const second = start([CLI, 'serve'], place);
  const lines = await said(second, 3);
  const ports = lines.map((line) => Number(/^(?:provider|stand-in|client) http:\/\/localhost:(\d+)$/.exec(line)?.[1]));
  expect(new Set([...ports, ...Object.values(place.env).map(Number)]).size).toBe(6);
  for (const port of [Number(place.env.PORT), ports[0]]) {
    expect((await fetch(`http://localhost:${port}/readyz`)).status).toBe(200);
  }
  expect(await readdir(join(place.cwd, 'data'))).toEqual(
    expect.arrayContaining(['selfie-oidc.sqlite', `selfie-oidc-${ports[0]}.sqlite`]),
  );
  const ends = [ended(first), ended(second)];
  first.kill('SIGTERM');
  second.kill('SIGINT');
  for (const { code, out, err } of await Promise.all(ends))
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: '' });
});

test('two demos that start in the same moment share no port', async () => {
  const env = await demoEnv();
  const demos = [start([MAIN], { cwd: await newFolder(), env }), start([MAIN], { cwd: await newFolder(), env })];
  const lines = (await Promise.all(demos.map((demo) => said(demo, 3)))).flat();
  expect(new Set(lines).size).toBe(6);
  for (const demo of demos) demo.kill('SIGKILL');
});

test('R11: after SIGTERM a balancer is told first, while newcomers are still served', async () => {
  const place = await development();
  const server = start([MAIN], place);
  await said(server, 1);
  const at = (path: string) => fetch(`http://127.0.0.1:${place.port}${path}`, { headers: { connection: 'close' } });
  // it answers, so it listens to signals by now
  expect((await at('/readyz')).status).toBe(200);
  const heard = logged(server, 'stopping: no new requests, those under way are finished');
  const end = ended(server);
  server.kill('SIGTERM');
  await heard;
  const [ready, served] = await Promise.all([at('/readyz'), at('/.well-known/openid-configuration')]);
  expect([ready.status, await ready.json(), served.status]).toEqual([503, { status: 'draining' }, 200]);
  await refusesNewcomers(place.port);
  expect((await end).code).toBe(0);
});

test('SIGTERM: no new requests, those under way are answered, and the storage outlives it', async () => {
  const place = await development();
  const server = start([MAIN], place);
  const [line = ''] = await said(server, 1);
  expect(JSON.parse(line)).toMatchObject({ level: 'info', msg: 'listening', port: place.port });
  expect((await cli(['invite', '--json'], place)).code).toBe(0);
  const { socket, answer } = await halfRequest(place.port);
  const end = ended(server);
  server.kill('SIGTERM');
  await refusesNewcomers(place.port);
  socket.write('{}');
  expect(await answer).toMatch(/^HTTP\/1\.1 401 /m);
  const { code, out } = await end;
  expect(code).toBe(0);
  expect(linesOf(out)).toContainEqual(expect.objectContaining({ level: 'info', signal: 'SIGTERM' }));
  expect((await cli(['journal', '--json'], place)).json()).toEqual([
    expect.objectContaining({ event: 'invitation.made' }),
  ]);
});

test('a second signal ends it at once', async () => {
  const place = await development();
  const server = start([MAIN], place);
  await said(server, 1);
  const { answer } = await halfRequest(place.port);
  const end = ended(server);
  server.kill('SIGTERM');
  await refusesNewcomers(place.port);
  server.kill('SIGTERM');
  expect((await end).code).toBe(143);
  expect(await answer).toMatch(/^HTTP\/1\.1 100 Continue\s*$/);
});

test.each([
  ['a failure nobody waited for', 'Promise.reject(new Error("lost"))'],
  ['a fault nobody caught', 'throw new Error("lost")'],
])('%s is logged, and the process ends with 1', async (_what, fault) => {
  const place = await development();
  const fuse = `data:text/javascript,${encodeURIComponent(`process.once('SIGUSR2', () => { ${fault} })`)}`;
  const server = start(['--import', fuse, MAIN], place);
  await said(server, 1);
  const end = ended(server);
  server.kill('SIGUSR2');
  const { code, out } = await end;
  expect(code).toBe(1);
  expect(linesOf(out).at(-1)).toMatchObject({ level: 'error', err: expect.objectContaining({ message: 'lost' }) });
});

const OTHER = { client_id: 'other', client_secret: 'of-this-test', redirect_uris: ['http://127.0.0.1:9/other'] };

test('SIGHUP has the clients read again; with a file full of faults those before stay, and nothing ends', async () => {
  const place = await development();
  const file = join(place.cwd, 'clients.json');
  const server = start([MAIN], place);
  await said(server, 1);
  expect(await knows(place.port, 'app')).toBe(true);
  expect(await knows(place.port, 'other')).toBe(false);
  const read = logged(server, 'clients read again');
  await writeFile(`${file}.new`, JSON.stringify([OTHER]));
  await rename(`${file}.new`, file);
  server.kill('SIGHUP');
  expect(await read).toMatchObject({ level: 'info', added: 1, changed: 0, removed: 1 });
  expect(await knows(place.port, 'other')).toBe(true);
  expect(await knows(place.port, 'app')).toBe(false);

  const fault = logged(server, 'a fault in the configuration');
  const kept = logged(server, 'clients not read again: those before stay in use');
  await writeFile(file, JSON.stringify([{ ...OTHER, redirect_uris: ['no address'] }]));
  server.kill('SIGHUP');
  expect(await fault).toMatchObject({ level: 'error', where: expect.stringContaining('clients.json:1') });
  expect(await kept).toMatchObject({ level: 'error', faults: 1 });
  expect(await knows(place.port, 'other')).toBe(true);
  const end = ended(server);
  server.kill('SIGTERM');
  expect((await end).code).toBe(0);
});

test('a change of the clients file is noticed without a signal', async () => {
  const place = await development();
  const server = start([MAIN], place);
  await said(server, 1);
  const read = logged(server, 'clients read again');
  await writeFile(join(place.cwd, 'clients.json'), JSON.stringify([OTHER]));
  expect(await read).toMatchObject({ added: 1, removed: 1 });
  expect(await knows(place.port, 'other')).toBe(true);
});

test('the demo reads its clients file again too, and keeps the client that comes with it', async () => {
  const place = { cwd: await newFolder(), env: await demoEnv() };
  const port = Number(place.env.PORT);
  const demo = start([MAIN], place);
  await said(demo, 3);
  const file = join(place.cwd, 'config/clients.yaml');
  await mkdir(join(place.cwd, 'config'));
  const noticed = said(demo, 1);
  await writeFile(file, JSON.stringify([OTHER]));
  expect(await noticed).toEqual(['clients read again: 1 added, 0 changed, 0 removed']);
  expect([await knows(port, 'other'), await knows(port, 'demo')]).toEqual([true, true]);
  const told = said(demo, 1);
  demo.kill('SIGHUP');
  expect(await told).toEqual(['clients read again: 0 added, 0 changed, 0 removed']);
  const fault = logged(demo, 'a fault in the configuration');
  await writeFile(file, JSON.stringify([{ ...OTHER, redirect_uris: ['no address'] }]));
  demo.kill('SIGHUP');
  expect(await fault).toMatchObject({ level: 'error', where: expect.stringContaining('clients.yaml:1') });
  expect(await knows(port, 'other')).toBe(true);
});

test('R11: keys are rotated while it runs, in one go; a faulty file is told and changes nothing', async () => {
  const place = await development();
  const server = start([MAIN], place);
  await said(server, 1);
  const kids = async (): Promise<string[]> => {
    const jwks = await (await fetch(`http://127.0.0.1:${place.port}/jwks`)).json();
    return (jwks as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
  };
  const before = await kids();
  const { code, out } = await cli(['keys', 'rotate', 'signing', '--now', '--json'], place);
  expect(code).toBe(0);
  const steps = linesOf(out);
  expect(steps.map(({ step }) => step)).toEqual(['added', 'promoted']);
  // the second step was taken because this process said that it has the next keys; it reads the new order within seconds
  expect(await kids()).toEqual(expect.arrayContaining([...before, ...(steps[1]?.ids as string[])]));
  const fault = logged(server, 'keys not read again: those before stay in use');
  const reads = logged(server, 'clients not read again: those before stay in use');
  await writeFile(join(place.cwd, 'data/dev-secrets.json'), '{');
  server.kill('SIGHUP');
  await Promise.all([fault, reads]);
  expect(await kids()).toHaveLength(4);
});

test('SIGHUP ends nothing: not while it starts, not the demo', async () => {
  const env = await demoEnv();
  const demo = start([MAIN], { cwd: await newFolder(), env });
  const place = await development();
  // the first listener of all is one for faults: the signal comes right after it, long before there is anything to read again
  const fuse = `data:text/javascript,${encodeURIComponent(`process.on('newListener', function early(name) {
    if (name !== 'uncaughtException') return;
    process.off('newListener', early);
    setImmediate(() => process.kill(process.pid, 'SIGHUP'));
  })`)}`;
  const server = start(['--import', fuse, MAIN], place);
  const [[line = '']] = await Promise.all([said(server, 1), said(demo, 3)]);
  expect(JSON.parse(line)).toMatchObject({ msg: 'listening' });
  demo.kill('SIGHUP');
  // it answers, so it listens to signals by now
  expect((await fetch(`http://localhost:${env.PORT}/livez`)).status).toBe(200);
  const end = ended(demo);
  demo.kill('SIGTERM');
  expect((await end).code).toBe(0);
});
