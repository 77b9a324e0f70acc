// Remembers what a pure reading of a short text gave: an address, a browser's name, the name of a field. The same few are read with
// every request, and reading them costs more than finding them again.

/** Longer texts are no reader's usual fare; they are read anew, so that nobody fills the memory with them. */
const LONGEST = 512;

/**
 * @param read pure, and its result is never changed by whoever gets it
 * @param most how many are remembered; whoever sends ever new ones makes it begin again, which costs time and no memory
 */
export function remembered<T>(read: (text: string) => T, most: number): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined || known.has(text)) return found as T;
    const value = read(text);
    if (text.length > LONGEST) return value;
    if (known.size >= most) known.clear();
    known.set(text, value);
    return value;
  };
}
