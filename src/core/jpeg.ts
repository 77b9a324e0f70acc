// Is it a picture of the kind that the vendor takes? Decided alike for what it sends and for what an operator brings along.

const START = [0xff, 0xd8, 0xff];
const END = [0xff, 0xd9];
/** No picture of a face is smaller. */
const LEAST_BYTES = 512;

/**
 * Begins as a JPEG, and is more than a beginning: has an end somewhere, as cameras write behind it, or the size of a picture. What is kept
 * goes to the vendor alone, which looks at it again.
 */
export function isJpeg(bytes: Uint8Array): boolean {
  if (START.some((byte, index) => bytes[index] !== byte)) return false;
  return bytes.length >= LEAST_BYTES || Buffer.from(bytes).lastIndexOf(Buffer.from(END)) > START.length;
}
