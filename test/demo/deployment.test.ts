// Dockerfile, compose.yaml and .dockerignore cannot be run where the tests run; what can be read in them is held to the
// settings, the package and the files they name.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readEnvironment } from '../../src/config/environment.ts';
import { SETTING_NAMES } from '../../src/config/schema.ts';
import { readJwksFile } from '../../src/config/signing-keys.ts';
import { createMeter } from '../../src/telemetry/metrics.ts';

interface Service {
  readonly command: readonly string[];
  readonly env_file?: readonly object[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
}

const root = new URL('../../', import.meta.url);
const readText = (name: string) => readFile(new URL(name, root), 'utf8');
let services: Readonly<Record<'keys' | 'provider' | 'operator' | 'proxy', Service>>;
let keys: string;

beforeAll(async () => {
  services = parse(await readText('compose.yaml')).services;
  keys = await mkdtemp(join(tmpdir(), 'selfie-oidc-keys-'));
});

afterAll(() => rm(keys, { recursive: true, force: true }));

/** The script as the container would run it, on a folder of ours. */
function makeKeys(): Promise<unknown> {
  const script = services.keys.command[0]?.replaceAll("'/keys/'", JSON.stringify(`${keys}/`)) ?? '';
  return promisify(execFile)(process.execPath, ['-e', script]);
}

describe('compose.yaml', () => {
  test('makes keys that production accepts, once', async () => {
    await makeKeys();
    expect((await readdir(keys)).sort()).toEqual(['cookie_keys', 'data_keys', 'jwks.json']);
    for (const name of await readdir(keys)) expect((await stat(join(keys, name))).mode & 0o077).toBe(0);
    const before = await readFile(join(keys, 'data_keys'), 'utf8');
    await makeKeys();
    expect(await readFile(join(keys, 'data_keys'), 'utf8')).toBe(before);

    expect(await readJwksFile(join(keys, 'jwks.json'), keys)).toMatchObject({
      ok: true,
      jwks: { keys: [{ alg: 'RS256' }, { alg: 'ES256' }] },
    });
  });

  test('sets only settings that exist, with values that production accepts', async () => {
    await makeKeys();
    await writeFile(join(keys, 'didit_api_key'), 'Zq3-an-api-key-of-this-test-only');
    await writeFile(join(keys, 'didit_webhook_secrets'), 'Zq3-a-webhook-secret-of-this-test-only');
    const filled: Record<string, string> = { NODE_ENV: 'production', STORAGE_URL: 'sqlite:/data/selfie-oidc.sqlite' };
    for (const [name, value] of Object.entries(services.provider.environment ?? {})) {
      filled[name] = value
        .replace(/\$\{\w+:\?[^}]*\}/, '11111111-1111-4111-8111-111111111111')
        .replace(/\$\{\w+:-([^}]*)\}/, '$1')
        .replace(/^\/(keys|run\/secrets)\//, `${keys}/`);
    }
    const { faults, production, values } = await readEnvironment(filled, keys);
    expect(faults).toEqual([]);
    expect(production).toBe(true);
    expect(values.ISSUER).toBe('https://localhost');
  });

  test('takes every other setting from a file that need not be there and is in no repository', async () => {
    expect(services.provider.env_file).toEqual([{ path: 'provider.env', required: false }]);
    expect((await readText('.gitignore')).split('\n')).toContain('provider.env');
  });

  test('gives no service more rights than it needs, and publishes the proxy only', () => {
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
    }
    expect(services.provider.ports).toBeUndefined();
    expect(services.keys.ports).toBeUndefined();
    expect(services.provider.volumes).toContain('keys:/keys:ro');
    expect(services.operator).toMatchObject({ profiles: ['operator'], volumes: ['keys:/keys'] });
  });
});

describe('Dockerfile', () => {
  test('copies files that exist and that .dockerignore lets through', async () => {
    const copied = [...(await readText('Dockerfile')).matchAll(/^COPY (.+) \S+$/gm)].flatMap(([, names = '']) =>
      names.split(' '),
    );
    const allowed = (await readText('.dockerignore')).split('\n').filter((line) => line.startsWith('!'));
    expect(copied).not.toEqual([]);
    for (const name of copied) {
      await expect(stat(new URL(name, root))).resolves.toBeDefined();
      expect(allowed).toContain(`!${name}`);
    }
    expect(allowed).toHaveLength(copied.length);
  });

  test('runs as somebody who is not root', async () => {
    expect(await readText('Dockerfile')).toMatch(/^USER 1000:1000$/m);
  });
});

test('what runs in production imports only packages that production installs', async () => {
  const { dependencies } = JSON.parse(await readText('package.json'));
  const strangers: string[] = [];
  const files = await readdir(new URL('src/', root), { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const source = await readText(`src/${file}`);
    // Types vanish; the demo asks for its client's package when it runs, and says what is missing.
    const imported = source.matchAll(/^(?:import|export)\s+(?!type\s)(?:[^'";]*?\sfrom\s+)?'([^'.][^']*)'/gm);
    for (const [, name = ''] of imported) {
      const packageName = name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/');
      if (!name.startsWith('node:') && !(packageName in dependencies)) strangers.push(`${file}: ${name}`);
    }
  }
  expect(strangers).toEqual([]);
});

describe('the documents', () => {
  const names = ['README.md', 'docs/operating.md', 'docs/clients.md', 'docs/security.md', 'docs/resource-servers.md'];

  test.each(names)('%s names only scripts, settings, metrics and pages that exist', async (name) => {
    const text = await readText(name);
    const { scripts } = JSON.parse(await readText('package.json'));
    for (const [, script = ''] of text.matchAll(/\bnpm run (?:-s )?([a-z]+)/g)) expect(scripts).toHaveProperty(script);

    const others = ['BIND', 'DOMAIN', 'ISSUER', 'NODE_ENV', 'SIGTERM', 'COMMAND'];
    const known = [...SETTING_NAMES, ...SETTING_NAMES.map((setting) => `${setting}_FILE`), ...others];
    // Names in capitals with an underscore that stand as code; Didit's own are named in its section.
    for (const [, setting = ''] of text.matchAll(/`([A-Z]+_[A-Z_]+)[`=]/g)) expect(known).toContain(setting);

    const { text: series } = await createMeter({ processMetrics: false }).exposition();
    for (const [metric] of text.matchAll(/selfie_oidc_[a-z_]+/g)) expect(series).toContain(`# TYPE ${metric} `);

    const pages = new Set([...text.matchAll(/\]\(([^)#:]+\.md)/g)].map(([, page = '']) => page));
    for (const page of pages) await expect(stat(new URL(page, new URL(name, root)))).resolves.toBeDefined();
  });
});
