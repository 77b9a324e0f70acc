// Jest's runtime, which has Node itself load a test file: what stands under `test/` anew for each test file, what that imports from
// `src/` and from packages once a process. Jest would read, link and warm up the whole program with its libraries again for each
// file, which was two fifths of the work, in a realm of its own whose objects the libraries do not take for theirs. `src/` keeps
// nothing in its modules (`architecture.test.ts`), so that nothing goes from one test file to the next by them.

const { registerHooks } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { default: Runtime } = require('jest-runtime');

const TESTS = pathToFileURL(join(__dirname, '../')).href;
const GLOBALS = 'jest-globals:';
/** What `@jest/globals` gives, by the test file under way: a part of the address of all that it loads from under `test/`. */
const given = new Map();
const seen = new Map();

globalThis[Symbol.for(GLOBALS)] = given;

function testFileOf(url) {
  return new URLSearchParams(url?.split('?')[1]).get('in');
}

registerHooks({
  resolve(specifier, context, next) {
    const testFile = testFileOf(context.parentURL);
    if (testFile === null) return next(specifier, context);
    const within = `?in=${encodeURIComponent(testFile)}`;
    if (specifier === '@jest/globals') return { url: `${GLOBALS}${within}`, format: 'module', shortCircuit: true };
    const found = next(specifier, context);
    return found.url.startsWith(TESTS) ? { ...found, url: `${found.url}${within}` } : found;
  },
  load(url, context, next) {
    if (!url.startsWith(GLOBALS)) return next(url, context);
    const testFile = testFileOf(url);
    const names = Object.keys(given.get(testFile)).join(', ');
    const map = `globalThis[Symbol.for('${GLOBALS}')]`;
    return {
      format: 'module',
      source: `export const { ${names} } = ${map}.get(${JSON.stringify(testFile)});`,
      shortCircuit: true,
    };
  },
});

/** Jest's own parts keep what they know of a test file in modules and in a global: each test file gets them anew. */
function loadAnew(path) {
  delete require.cache[path];
  Reflect.deleteProperty(globalThis, Symbol.for('EVENT_HANDLERS'));
  return require(path);
}

class NativeRuntime extends Runtime {
  #testFile;

  requireInternalModule(from, to) {
    return to === undefined ? loadAnew(from) : super.requireInternalModule(from, to);
  }

  /** While watching, a file runs more than once in a process: its address then differs. */
  async unstable_importModule(path) {
    const url = pathToFileURL(path).href;
    const times = (seen.get(url) ?? 0) + 1;
    seen.set(url, times);
    this.#testFile = `${url.slice(TESTS.length)}${times > 1 ? `#${times}` : ''}`;
    given.set(this.#testFile, this.jestGlobals.cjsGlobals(path));
    return import(`${url}?in=${encodeURIComponent(this.#testFile)}`);
  }

  teardown() {
    given.delete(this.#testFile);
    super.teardown();
  }
}

module.exports = { __esModule: true, default: NativeRuntime };
