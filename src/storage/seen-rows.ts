// Rows as this process has read or written them last, for engines across a network: a login changes what it has just read, and need not
// read it again. Nothing is answered from here. It is only what a change begins with, and the engine makes it on that very row or not
// at all; so what is out of date costs one step, and a row that others change as well is not remembered any more.

/** As the engine has it, whether its life is over or not. */
export interface Row {
  readonly text: string;
  readonly expiresAt: number;
}

export interface SeenRows {
  recall(key: string): Row | undefined;
  note(key: string, row: Row): void;
  forget(key: string): void;
  /** It was not as it was seen last: others change it too. */
  distrust(key: string): void;
}

/** Of as many as are signing in at once; the oldest goes first. */
const MOST = 1_000;
/** Characters. Portraits and the like are written once. */
const LONGEST = 8_192;

export function createSeenRows(): SeenRows {
  const rows = new Map<string, Row>();
  const distrusted = new Set<string>();

  return {
    recall: (key) => rows.get(key),
    note(key, { text, expiresAt }) {
      rows.delete(key);
      if (text.length > LONGEST || distrusted.has(key)) return;
      rows.set(key, { text, expiresAt });
      if (rows.size > MOST) rows.delete(oldestOf(rows));
    },
    forget: (key) => void rows.delete(key),
    distrust(key) {
      rows.delete(key);
      distrusted.add(key);
      if (distrusted.size > MOST) distrusted.delete(oldestOf(distrusted));
    },
  };
}

function oldestOf(keys: Map<string, unknown> | Set<string>): string {
  return keys.keys().next().value ?? '';
}
