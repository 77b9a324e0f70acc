// Jest's environment for Node, as `jest-runtime.cjs` needs it: spies and fake timers work on the globals that a test file sees, which
// are the process's own. So nothing may be left changed there: a test file that does fails, where the next one would otherwise pass
// or fail by it.

const { ModernFakeTimers } = require('@jest/fake-timers');
const { TestEnvironment } = require('jest-environment-node');
const { ModuleMocker } = require('jest-mock');

const WATCHED = { globalThis, Date, Math, JSON, Object, Reflect, Promise, process, console, performance };
const PROTOTYPES = { Object, Array, String, Number, Date, Error, Map, Set, Promise, Function, URL, Headers, Response };
/** Set by Jest for each test file, by Node at the first use, or by a library (zod, tslib, graceful-fs …) when it is loaded. */
const IGNORED =
  /^(?:globalThis\.__|console\._|process\.(?:_|exitCode$|cwd$|chdir$|allowedNodeEnvironmentFlags$)|Reflect\.\w+etadata|Reflect\.decorate$)/;

/** @returns what there is to change, by name */
function stateOfProcess() {
  const state = new Map();
  const note = (name, object) => {
    for (const [key, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
      if (!IGNORED.test(`${name}.${key}`)) state.set(`${name}.${key}`, value ?? get);
    }
  };
  for (const [name, object] of Object.entries(WATCHED)) note(name, object);
  for (const [name, { prototype }] of Object.entries(PROTOTYPES)) note(`${name}.prototype`, prototype);
  note('process.env', process.env);
  state.set('process.cwd()', process.cwd());
  return state;
}

/** Where `jest.setTimeout` leaves its word: Jest's runtime writes it to the global of its realm, and reads it from the process's. */
const TEST_TIMEOUT = Symbol.for('TEST_TIMEOUT_SYMBOL');

class ProcessEnvironment extends TestEnvironment {
  #before;

  constructor(config, context) {
    super(config, context);
    this.moduleMocker = new ModuleMocker(globalThis);
    this.fakeTimersModern = new ModernFakeTimers({ config: config.projectConfig, global: globalThis });
  }

  async setup() {
    await super.setup();
    Object.defineProperty(this.global, TEST_TIMEOUT, {
      configurable: true,
      set: (ms) => void (globalThis[TEST_TIMEOUT] = ms),
    });
    this.#before = stateOfProcess();
  }

  async teardown() {
    await super.teardown();
    Reflect.deleteProperty(globalThis, TEST_TIMEOUT);
    const after = stateOfProcess();
    const names = new Set([...this.#before.keys(), ...after.keys()]);
    const changed = [...names].filter((name) => !Object.is(this.#before.get(name), after.get(name)));
    if (changed.length > 0) throw new Error(`this test file left changed: ${changed.join(', ')}`);
  }
}

module.exports = ProcessEnvironment;
