import { describe, expect, test } from '@jest/globals';
import { browserFamily, sameBrowserFamily } from '../../src/core/browser-family.ts';

describe('browserFamily', () => {
  test.each([
    ['Chrome', 'chrome'],
    ['Chrome Mobile', 'chrome'],
    ['Chrome Mobile iOS', 'chrome'],
    ['Chromium', 'chrome'],
    ['HeadlessChrome', 'chrome'],
    ['Mobile Safari', 'safari'],
    ['Safari', 'safari'],
    ['Safari Mobile', 'safari'],
    ['Samsung Internet', 'samsung'],
    ['Samsung Internet for Android', 'samsung'],
    ['SamsungBrowser', 'samsung'],
    ['Edge', 'edge'],
    ['Edge Mobile', 'edge'],
    ['Microsoft Edge', 'edge'],
    ['Firefox', 'firefox'],
    ['Firefox Mobile', 'firefox'],
    ['Firefox iOS', 'firefox'],
    ['Opera', 'opera'],
    ['Opera Mobile', 'opera'],
    ['Opera Touch', 'opera'],
    ['chrome_mobile', 'chrome'],
    ['Chrome Mobile WebView', 'other'],
    ['Mobile Safari UI/WKWebView', 'other'],
    ['Facebook', 'other'],
    ['DuckDuckGo Mobile', 'other'],
    ['Netscape', 'other'],
    ['', 'other'],
    [undefined, 'other'],
    [null, 'other'],
  ])('%p → %s', (name, family) => {
    expect(browserFamily(name)).toBe(family);
  });

  test.each(['chrome', 'edge', 'firefox', 'safari', 'opera', 'samsung', 'other'])('%s names itself', (family) => {
    expect(browserFamily(family)).toBe(family);
  });
});

describe('T2 sameBrowserFamily', () => {
  test('families are compared, however they are named', () => {
    expect(sameBrowserFamily('chrome', 'Chrome Mobile iOS')).toBe(true);
    expect(sameBrowserFamily('safari', 'Chrome Mobile iOS')).toBe(false);
  });

  test('what is unknown is equal to nothing', () => {
    expect(sameBrowserFamily('other', 'other')).toBe(false);
    expect(sameBrowserFamily('Netscape', 'Netscape')).toBe(false);
    expect(sameBrowserFamily(undefined, undefined)).toBe(false);
  });
});
