// Reads our own QR code as a phone would: draws the modules of its SVG and has a decoder look at the picture.

import jsQR from 'jsqr';

/** @returns what the code says; throws when it cannot be read */
export function readQr(svg: string): string {
  const size = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  for (const [, x, y, width, height] of svg.matchAll(/M(\d+),(\d+)h(\d+)v(\d+)h-\d+z/g)) {
    for (let row = Number(y); row < Number(y) + Number(height); row += 1) {
      for (let column = Number(x); column < Number(x) + Number(width); column += 1) {
        pixels.fill(0, (row * size + column) * 4, (row * size + column) * 4 + 3);
      }
    }
  }
  // the types say module, the package is CommonJS
  const decode = ((jsQR as unknown as { default?: typeof jsQR }).default ?? jsQR) as unknown as (
    data: Uint8ClampedArray,
    width: number,
    height: number,
  ) => { data: string } | null;
  const code = decode(pixels, size, size);
  if (!code) throw new Error('the QR code cannot be read');
  return code.data;
}
