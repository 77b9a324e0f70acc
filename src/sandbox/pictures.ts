/**
 * Pictures without people: one drawn face as JPEG and PNG, made different for every session by a comment segment, so that
 * hashes differ while the pixels stay the same. The stand-in judges nothing by pixels.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

export interface Picture {
  readonly type: 'image/jpeg' | 'image/png' | 'video/mp4';
  readonly bytes: Buffer;
}

/** What a test wants to get for a picture: `null` in the decision, or an address that is a 404. */
export type PictureStyle = 'jpeg' | 'png' | 'oversize' | 'null' | 'missing' | 'not_an_image';

/** A picture in the wanted style; null when its address shall be dead. `salt` makes the bytes its own. */
export function makePicture(style: PictureStyle, salt: string): Picture | null {
  switch (style) {
    case 'jpeg':
      return { type: 'image/jpeg', bytes: jpegWith([salt]) };
    case 'oversize':
      return { type: 'image/jpeg', bytes: jpegWith([salt, ...Array<string>(20).fill('x'.repeat(65_000))]) };
    case 'png':
      return { type: 'image/png', bytes: pngWith(salt) };
    case 'not_an_image':
      return { type: 'image/jpeg', bytes: Buffer.from(`<html>no picture: ${salt}</html>`) };
    default:
      return null;
  }
}

/** Bytes that stand for a liveness video. */
export function makeVideo(salt: string): Picture {
  const box = Buffer.from('0000001866747970697366740000020069736f6d69736f32', 'hex');
  return { type: 'video/mp4', bytes: Buffer.concat([box, Buffer.from(salt)]) };
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What the first bytes say a file is. */
export function sniff(bytes: Buffer): 'JPEG' | 'PNG' | 'WebP' | 'TIFF' | null {
  const head = bytes.subarray(0, 12).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'JPEG';
  if (head.startsWith('\x89PNG\r\n')) return 'PNG';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'WebP';
  if (head.startsWith('II*\0') || head.startsWith('MM\0*')) return 'TIFF';
  return null;
}

/** The drawn face with comment (COM) segments after the start marker: valid, and as large as the comments. */
function jpegWith(comments: readonly string[]): Buffer {
  const segments = comments.map((comment) => {
    const text = Buffer.from(comment);
    const head = Buffer.from([0xff, 0xfe, 0, 0]);
    head.writeUInt16BE(text.length + 2, 2);
    return Buffer.concat([head, text]);
  });
  return Buffer.concat([FACE_JPEG.subarray(0, 2), ...segments, FACE_JPEG.subarray(2)]);
}

/** A one-pixel PNG with a text chunk before its end. */
function pngWith(salt: string): Buffer {
  const text = Buffer.from(`tEXtComment\0${salt}`);
  const chunk = Buffer.alloc(text.length + 8);
  chunk.writeUInt32BE(text.length - 4, 0);
  text.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(text), text.length + 4);
  return Buffer.concat([PIXEL_PNG.subarray(0, 33), chunk, PIXEL_PNG.subarray(33)]);
}

const PIXEL_PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** 120 by 150 pixels, a drawing. */
const FACE_JPEG = Buffer.from(
  [
    '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBk',
    'eFxlZ2P/2wBDARESEhgVGC8aGi9jQjhCY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2P/wAARCACWAHgD',
    'ASIAAhEBAxEB/8QAGwABAAIDAQEAAAAAAAAAAAAAAAQFAQIGBwP/xAA0EAACAgECAwUGBAcBAAAAAAAAAQIDBAUREiExBhNBUWEiMlJxgcFCkaGx',
    'FCMkU2LR8Bb/xAAYAQEAAwEAAAAAAAAAAAAAAAAAAQIEA//EAB0RAQADAAMBAQEAAAAAAAAAAAABAhEDEjEhQSL/2gAMAwEAAhEDEQA/AOqABdQA',
    'AAArtR1nE0/2bJ8dv9uHN/XyAsQchkdq8qcv6emuqP8Al7TIv/o9T4t+/jt5d3Hb9ivaFuku5ByGP2ryoS/qKa7Y/wCPssvtO1nE1D2a58Fv9ufJ',
    '/TzJi0SiazCxABKAAAAAAAAAArNe1F6fgOVbXfWPhh6eb+gI+q/tBrrpcsPEltZ0nYvw+i9TlG2223u2Zbcm2223zbZg5TOu0RgACEgTaaaezXRo',
    'ADq+z+uu5xw8uW9nSFj/ABej9TozzJNxaabTXNNHdaDqL1HAUptd9W+Gfr5P6nSs/jnaP1ZgAsoAAAAABxPajKd+qyrT3hSlFfPq/wDvQ7Y83zLO',
    '9zL7G9+KyT/Urfxenr4g6fstpqUXnWrm91Uv3f2OkOE3x2iuvNAelgjuno80B6WB3OjzQuOy+U6NVjW3tC5OL+fVf96k/tTpqcVnVLmtlavPyf2O',
    'ew7HVmUWJ7cNkX+pes79UtH49IAB3cAAAAAAPN68eVuZHHXvSs4N/rsekHJYeH3Xa2yElyhKVi+TW6/cpyeavx+46emqFFMKq1tCEVFG4K7V9Zo0',
    'pVq2M5zs32jHy8zLmtXixBHwM2rUMSGRTvwy8JdU/IkEACPn5tWn4k8i7fhj4Lq35EbSNZo1VWKqE4Tr23jLy8ycnNN/E6+qF9M6rFvCcXFnntlE',
    'qsyWO/ejZwb/AF2PRTlczD73tdCEVynKNj+SW7/YvT3FL+a60AGplAAAAAAhTw4rVYZq6up1y/NNfcmmH0K3jaytSctDUrdX0ajVe7ds5wnXvtKP',
    'kyyBkica5jUbT8KrT8SGPTu4x35y6ts+sbOK+VaXupNs+hHxGpO2e63lL9PAgY1DCq1DEnj3bqMtuceqaI2kaNRpXeOqc5zs23lLyRZAnZzDP0Is',
    'MOL1Wea+qqVcfzbf2JRsuh04o/pz5Z/lkAGlmAAAAAAwZAGgMtGDHavWcbK27RrCalvs09uTNFRVGanGCUl4ohWQuwcid1Nbsos5zgusX5o2er4q',
    'X43L4eHmQtic2ltu0t+hkra67s7JhffW6qa+cIPq35ssiANjCRsaeKuRrNy22cAAdXIAAAAAAABgw0bGs/cl8it6xaPq1LTE/GBst99uZGU5R6M2',
    '76XoY2zH3MpEVzlLqyVD3I/I6cVYtP1y5bTWPjJkA1MwAAAAAAAADS2yFUHOySjFdWyjzdXstbhj71w+Lxf+icRq3yMzHxl/NsSfwrm/yK+7XIv2',
    'aqW0/GT2/QpW23u3u2YJxGulTTSa6MELTclWVKqT9uPT1RNMFqzWclvraLRsDaSbfRESnXIrZW0tJeMXv+hpqWSq6nVF+3Lr6IqDTwV+bLPz2+5D',
    'q8fMoyV/KsTfwvk/yJBxqbT3T2aLPC1eypqGRvZD4vFf7O2OGr8GldkLYKdclKL6NG5VYAAA0snGquU5vaMVu2blHrmXxWLGg/Zjzn6vyJhCHn50',
    '8y3d7qte7H7kQAsqAAkZTaaabTXij7/xuTw7d69vkiOCJiJ9TEzHjLbbbb3b8WYAJQAACXgZ08O3xdb96P3OlrsjbXGcHvGS3TOPLfQ8vhseNN+z',
    'LnD0ZWYTErwAFVms5cEJSf4VuchZOVlkpy5yk92AWhWWoALIAAAAAAAAAAAN65yrsjOPvRe6AA66EuOEZLxW4AOa7//Z',
  ].join(''),
  'base64',
);
