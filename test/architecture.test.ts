// Holds the one direction of imports (docs: "Where things live"): whoever changes a row can name all it may break.

import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const SRC = resolve(import.meta.dirname, '../src');

/** What each folder (or file, for those directly in src/) may import of ours. `*` is everything below the entry points. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  login: ['core'],
  vendors: ['core', 'login'],
  factors: ['core', 'login'],
  storage: ['core', 'login'],
  telemetry: ['core', 'login'],
  networks: ['core', 'login'],
  mail: ['core', 'login'],
  oidc: ['core', 'login'],
  admin: ['core', 'login'],
  http: ['core', 'login', 'oidc', 'admin'],
  config: [],
  sandbox: [],
  // for resource servers: works without the provider beside it
  'resource-server': [],
  'app.ts': [
    'app-parts.ts',
    'app-rules.ts',
    'app-standing.ts',
    'app-keys.ts',
    'provider-app.ts',
    'core',
    'login',
    'storage',
    'telemetry',
    'oidc',
    'admin',
    'http',
    'mail',
    'config',
  ],
  'app-parts.ts': ['core', 'login', 'vendors', 'factors', 'storage', 'telemetry', 'networks', 'mail', 'oidc', 'config'],
  'app-rules.ts': ['login', 'config'],
  'app-standing.ts': ['core', 'login', 'storage', 'config'],
  'app-keys.ts': ['provider-app.ts', 'core', 'login', 'storage', 'config'],
  // the part of the app that is made anew when the clients change
  'provider-app.ts': ['core', 'login', 'oidc', 'http', 'config'],
  // what starts a process: the app, its settings, and in the demo the stand-in beside it
  'main.ts': ['app.ts', 'workers', 'startup.ts', 'config', 'telemetry', 'core', 'demo', 'sandbox', 'cli'],
  // several processes on one port; `app.ts` is what each of them serves with
  workers: ['app.ts', 'startup.ts', 'config', 'telemetry', 'storage', 'login', 'core'],
  'startup.ts': ['config', 'telemetry', 'core'],
  cli: [
    'app.ts',
    'app-parts.ts',
    'main.ts',
    'startup.ts',
    'config',
    'telemetry',
    'core',
    'login',
    'admin',
    'storage',
    'vendors',
    'demo',
    'sandbox',
  ],
  demo: ['app.ts', 'config', 'sandbox', 'resource-server'],
};

/** The only files that look into the environment. The stand-in's own guard against production stands where nobody can leave it out. */
const READS_ENVIRONMENT = /^(?:config\/load\.ts|sandbox\/(?:main|sandbox)\.ts)$/;
/** Entry points hand it to `config/` whole, and look at no variable themselves. */
const HANDS_ENVIRONMENT_ON = /^(?:main\.ts|cli\/cli\.ts|workers\/worker\.ts)$/;

interface Source {
  /** relative to src/, with forward slashes */
  readonly file: string;
  /** the folder below src/, or the file's own name directly in it */
  readonly row: string;
  readonly code: string;
  readonly imports: readonly string[];
}

function rowOf(file: string): string {
  return file.split('/')[0] ?? file;
}

/** Comments out, so that a word in a sentence is no finding. Line comments only where no text could hold them. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** Every module a source names: static, re-exported, dynamic, type-only. */
function importsOf(code: string): string[] {
  const static_ = /^\s*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gms;
  const bare = /^\s*import\s*['"]([^'"]+)['"]/gm;
  const dynamic = /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]/g;
  return [static_, bare, dynamic].flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1] ?? ''));
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => {
    const code = withoutComments(readFileSync(join(SRC, file), 'utf8'));
    const slashed = file.split(sep).join('/');
    return { file: slashed, row: rowOf(slashed), code, imports: importsOf(code) };
  });

/** The file below src/ that a relative import leads to, or undefined for one that leads out of it. */
function targetOf(source: Source, name: string): string | undefined {
  if (!name.startsWith('.')) return undefined;
  const target = relative(SRC, resolve(SRC, dirname(source.file), name))
    .split(sep)
    .join('/');
  return target.startsWith('..') ? undefined : target;
}

const ours = sources.flatMap((source) =>
  source.imports.map((name) => ({ source, name, target: targetOf(source, name) })),
);

describe('imports point one way', () => {
  test('there are sources to look at', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(ours.length).toBeGreaterThan(10);
  });

  test('every folder below src/ has its row', () => {
    const rows = new Set(sources.map(({ row }) => row));
    expect([...rows].filter((row) => MAY_IMPORT[row] === undefined)).toEqual([]);
  });

  test('no file imports from a row that is not below its own', () => {
    const upwards = ours
      .filter(({ source, target }) => target !== undefined && rowOf(target) !== source.row)
      .filter(({ source, target }) => !(MAY_IMPORT[source.row] ?? []).includes(rowOf(target ?? '')))
      .map(({ source, target }) => `${source.file} → ${target}`);
    expect(upwards).toEqual([]);
  });

  test('no relative import leads out of src/', () => {
    const outside = ours
      .filter(({ name, target }) => name.startsWith('.') && target === undefined)
      .filter(({ name }) => !name.endsWith('package.json'))
      .map(({ source, name }) => `${source.file} → ${name}`);
    expect(outside).toEqual([]);
  });

  test('every relative import names its file with .ts', () => {
    const bare = ours
      .filter(({ target }) => target !== undefined && !/\.(?:ts|json)$/.test(target))
      .map(({ source, name }) => `${source.file} → ${name}`);
    expect(bare).toEqual([]);
  });
});

describe('core is pure', () => {
  const core = sources.filter(({ row }) => row === 'core');
  /** Read text, hold no state, do no input or output. */
  const packages = ['ipaddr.js'];

  test('core imports nothing but itself and a reader of addresses', () => {
    const foreign = core.flatMap(({ file, imports }) =>
      imports.filter((name) => !name.startsWith('.') && !packages.includes(name)).map((name) => `${file} → ${name}`),
    );
    expect(foreign).toEqual([]);
  });

  test('core knows no clock, no randomness, no input or output', () => {
    const impure =
      /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.|\bcrypto\.|\bprocess\.|\bfetch\(|\bset(?:Timeout|Interval|Immediate)\(|\bconsole\./;
    expect(core.filter(({ code }) => impure.test(code)).map(({ file }) => file)).toEqual([]);
  });
});

describe('the environment', () => {
  const MENTIONS = /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*\[\s*['"]env|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/;
  const LOOKS_INTO = /\bprocess\s*\.\s*env\s*(?:\?\.|\.|\[)|\}\s*=\s*process\b/;

  test('only the reader of settings looks into it', () => {
    const readers = sources
      .filter(({ file }) => !READS_ENVIRONMENT.test(file))
      .filter(({ file, code }) => (HANDS_ENVIRONMENT_ON.test(file) ? LOOKS_INTO : MENTIONS).test(code));
    expect(readers.map(({ file }) => file)).toEqual([]);
  });

  test('nobody takes it from node:process by another name', () => {
    const named = sources.filter(({ code }) =>
      /import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*['"](?:node:)?process['"]/.test(code),
    );
    expect(named.map(({ file }) => file)).toEqual([]);
  });
});

describe('modules', () => {
  /** A program of its own, which nothing imports. */
  const PROGRAM = 'workers/worker.ts';
  /** At the left margin: what may be given another value, or begins empty and can only be meant to be filled. */
  const KEEPS =
    /^(?:export )?(?:(?:let|var) |const [^=;]+ = (?:new (?:Weak)?(?:Map|Set)(?:<[^(]*>)?\(\)|\[\]|\{\})(?: as [^;]+)?;)/m;

  test('keep nothing: tests share them, as would two apps in one process', () => {
    const keeping = sources.filter(({ code }) => KEEPS.test(code)).map(({ file }) => file);
    expect(keeping.filter((file) => file !== PROGRAM)).toEqual([]);
    expect(sources.filter(({ code }) => code.includes("/worker.ts'"))).toEqual([]);
  });

  test.each(['let count = 0;', 'export const known = new Map<string, number>();', 'const seen: string[] = [];'])(
    'the reader sees %s',
    (code) => {
      expect(KEEPS.test(`const A = 1;\n${code}\n`)).toBe(true);
    },
  );
});

describe('style of imports and exports', () => {
  test('built-in modules are named with node:', () => {
    const plain = ours
      .filter(({ name }) => !name.startsWith('node:') && builtinModules.includes(name))
      .map(({ source, name }) => `${source.file} → ${name}`);
    expect(plain).toEqual([]);
  });

  test('there are no default exports', () => {
    const defaults = sources.filter(({ code }) => /^\s*export\s+default\b/m.test(code)).map(({ file }) => file);
    expect(defaults).toEqual([]);
  });

  test('the import reader sees every form', () => {
    const code = [
      `import a from 'one';`,
      `import type { B } from "two";`,
      `import {\n  c,\n  d,\n} from 'three';`,
      `export { e } from 'four';`,
      `import 'five';`,
      `const f = await import('six');`,
      `export const text = 'from nowhere';`,
    ].join('\n');
    expect(importsOf(code).sort()).toEqual(['five', 'four', 'one', 'six', 'three', 'two']);
  });
});
