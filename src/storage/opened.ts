// Remembers for a moment what was read out of a sealed record: one login reads the same account, device and history several times, and
// opening them costs more than reading them. What lies in the store is looked at each time; only the same sealed text has the same
// meaning. It is forgotten seconds later, as what is sealed at rest should not lie open in memory for longer than somebody needs it.

const FORGOTTEN_AFTER_MS = 5_000;
/** Records of as many people as sign in within those seconds; whoever brings more makes it begin again. */
const MOST = 512;

/**
 * @param read what stands in a sealed text of this key; pure
 * @returns the same, frozen all through, as several callers get one value
 */
export function rememberOpened<T>(read: (key: string, sealed: string) => T): (key: string, sealed: string) => T {
  const known = new Map<string, { readonly sealed: string; readonly value: T }>();
  let forgetting: NodeJS.Timeout | undefined;

  function remember(key: string, sealed: string, value: T): void {
    if (known.size >= MOST) known.clear();
    known.set(key, { sealed, value });
    forgetting ??= setTimeout(() => {
      forgetting = undefined;
      known.clear();
    }, FORGOTTEN_AFTER_MS).unref();
  }

  return (key, sealed) => {
    const found = known.get(key);
    if (found?.sealed === sealed) return found.value;
    const value = deepFreeze(read(key, sealed));
    remember(key, sealed, value);
    return value;
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) deepFreeze(each);
    Object.freeze(value);
  }
  return value;
}
