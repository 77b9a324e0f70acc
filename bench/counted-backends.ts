// Stands in for `src/storage/backends.ts` where look-ups are counted: the same backend, each call of its parts counted by name and
// by the kind of record or job it is about.

import { type BackendOptions, openBackend as open } from '../src/storage/backends.ts';
import { count } from './counters.ts';

export async function openBackend(url: string, options: BackendOptions) {
  const backend = await open(url, options);
  return {
    ...backend,
    store: counted('store', backend.store, kindOfKey),
    jobs: counted('jobs', backend.jobs, kindOfJob),
    // a topic is of one login: no two are of a kind
    bus: counted('bus', backend.bus, () => ''),
  };
}

function counted<T extends object>(part: string, target: T, kindOf: (argument: unknown) => string): T {
  return new Proxy(target, {
    get(of, name) {
      const found = Reflect.get(of, name);
      if (typeof found !== 'function') return found;
      return (...args: unknown[]) => {
        count(`${part}.${String(name)} ${kindOf(args[0])}`.trim());
        return found.apply(of, args);
      };
    },
  });
}

/** What stands before the part of a key that names one record: `attempt`, `oidc:Session`. */
function kindOfKey(key: unknown): string {
  return typeof key === 'string' ? (/^(?:oidc:)?[^:]*/.exec(key)?.[0] ?? '') : '';
}

function kindOfJob(argument: unknown): string {
  if (typeof argument === 'string') return argument;
  const kind = (argument as { kind?: unknown } | undefined)?.kind;
  return typeof kind === 'string' ? kind : '';
}
