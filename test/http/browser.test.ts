import { describe, expect, test } from '@jest/globals';
import { readBrowser } from '../../src/http/browser.ts';

const WEBKIT = 'AppleWebKit/605.1.15 (KHTML, like Gecko)';
const BLINK = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('readBrowser', () => {
  test.each([
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0`,
      'firefox',
      'desktop',
      'Firefox on Windows',
    ],
    [
      `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${BLINK} Chrome/126.0.0.0 Safari/537.36 Edg/126.0`,
      'edge',
      'desktop',
      'Edge on Windows',
    ],
    [
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/17.5 Safari/605.1.15`,
      'safari',
      'desktop',
      'Safari on macOS',
    ],
    [`Mozilla/5.0 (X11; Linux x86_64) ${BLINK} Chrome/126.0.0.0 Safari/537.36`, 'chrome', 'desktop', 'Chrome on Linux'],
    [
      `Mozilla/5.0 (X11; Linux x86_64) ${BLINK} HeadlessChrome/126.0.0.0 Safari/537.36`,
      'chrome',
      'desktop',
      'Chrome on Linux',
    ],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1`,
      'safari',
      'mobile',
      'Safari on iOS',
    ],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${WEBKIT} CriOS/126.0 Mobile/15E148 Safari/604.1`,
      'chrome',
      'mobile',
      'Chrome on iOS',
    ],
    [
      `Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) ${WEBKIT} Version/17.0 Mobile/15E148 Safari/604.1`,
      'safari',
      'tablet',
      'Safari on iOS',
    ],
    [
      `Mozilla/5.0 (Linux; Android 14; SM-S911B) ${BLINK} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`,
      'samsung',
      'mobile',
      'Samsung Internet on Android',
    ],
    [
      `Mozilla/5.0 (Linux; Android 10; K) ${BLINK} Chrome/126.0.0.0 Mobile Safari/537.36`,
      'chrome',
      'mobile',
      'Chrome on Android',
    ],
    [
      `Mozilla/5.0 (Linux; Android 10; K) ${BLINK} Chrome/126.0.0.0 Mobile Safari/537.36 OPR/82`,
      'opera',
      'mobile',
      'Opera on Android',
    ],
    [
      `Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) ${BLINK} Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36`,
      'other',
      'mobile',
      'an unknown browser on Android',
    ],
  ])('%s', (userAgent, family, platform, label) => {
    expect(readBrowser(userAgent)).toEqual({ family, platform, label });
  });

  test.each([undefined, '', '  ', 'curl/8.5.0', 'x', `Mozilla/5.0 ${'Firefox/1.0 '.repeat(100)}`])(
    '%p is unknown',
    (userAgent) => {
      expect(readBrowser(userAgent)).toMatchObject({ family: 'other', label: 'an unknown browser' });
    },
  );

  test('T27 a label is made of names we know, never of the header’s text', () => {
    const { label } = readBrowser('<script>alert(1)</script>/1.0 (Evil OS; Windows<b>) Firefox/1.0');
    expect(label).toMatch(/^[A-Za-z ]{1,40}$/);
  });
});
