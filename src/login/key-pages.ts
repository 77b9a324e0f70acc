import type { Store } from './ports.ts';

const PAGE = 500;

/** Living keys that begin with `prefix`, in order, a page at a time; what comes and goes meanwhile may or may not be seen. */
export async function* keyPages(store: Pick<Store, 'keys'>, prefix: string): AsyncGenerator<readonly string[]> {
  for (let after = ''; ; ) {
    const keys = await store.keys(prefix, { limit: PAGE, after });
    yield keys;
    after = keys.at(-1) ?? '';
    if (keys.length < PAGE) return;
  }
}
