// A browser of a few lines: cookies by path, redirects one at a time, forms found by their names.

export interface Page {
  readonly status: number;
  readonly url: URL;
  readonly text: string;
  readonly headers: Headers;
}

export class Browser {
  readonly #cookies = new Map<string, { value: string; path: string }>();

  /** One request, no redirect followed. */
  async step(address: string | URL, form?: Record<string, string>, headers?: Record<string, string>): Promise<Page> {
    const url = new URL(address);
    const cookies = [...this.#cookies]
      .filter(
        ([, { path }]) => url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`),
      )
      .map(([name, { value }]) => `${name}=${value}`);
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { ...(cookies.length > 0 && { cookie: cookies.join('; ') }), ...headers },
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const path = attributes.find((part) => /^path=/i.test(part))?.slice(5) ?? '/';
      const gone = attributes.some((part) => /^expires=.*1970/i.test(part));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, { value: pair.slice(name.length + 1), path });
    }
    return { status: response.status, url, text: await response.text(), headers: response.headers };
  }

  /** Follows redirects to the page they end at, or up to one whose address `until` accepts, which is not asked for. */
  async visit(
    address: string | URL,
    options: { form?: Record<string, string>; until?: (url: URL) => boolean } = {},
  ): Promise<Page> {
    let page = await this.step(address, options.form);
    for (let hops = 0; page.status >= 300 && page.status < 400 && hops < 20; hops++) {
      const next = new URL(page.headers.get('location') ?? '', page.url);
      if (options.until?.(next)) return { ...page, url: next };
      page = await this.step(next);
    }
    return page;
  }

  /** As a person clears one by hand. */
  forget(name: string): void {
    this.#cookies.delete(name);
  }

  cookie(name: string): string | undefined {
    return this.#cookies.get(name)?.value;
  }
}
