// The live page's ears: an event stream says that something happened, and the page is loaded again, as only the server
// decides what comes next. A lost event must cost a delay and never a login, so the state is asked for again after every
// break, when the page comes back to the front, and slowly in between. Without script the page reloads by itself.

const live = document.getElementById('live');
const connection = document.getElementById('connection');
const field = document.querySelector('input[name="number"]');

const REOPEN_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;
/** how long a form that was sent may take; to load the page meanwhile would take the answer away */
const ANSWER_MS = 15_000;
/** reloads within this time are spaced out, so that a server that always says "changed" is not hammered */
const RELOAD_MEMORY_MS = 30_000;

/** Survives a reload, not the tab. Storage may be forbidden; then reloads are just not counted. */
const memory = {
  read(key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  },
  write(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
    } catch {}
  },
};

/** the live page's own address: after a form was answered in place, the address bar shows another */
const page = live?.dataset.page ?? location.pathname;
let source;
let failures = 0;
let leaving = false;
let sentAt = 0;
let retryTimer;
let hiddenSince = document.hidden ? Date.now() : undefined;

/** Loads the page again: at once the first time, then less and less often while reloads follow one another. */
function reload() {
  if (leaving) return;
  const answerDueMs = sentAt + ANSWER_MS - Date.now();
  if (answerDueMs > 0) {
    setTimeout(look, answerDueMs);
    return;
  }
  leaving = true;
  source?.close();
  const [count, at] = (memory.read(`reloads ${page}`) ?? '0 0').split(' ').map(Number);
  const recent = Date.now() - at < RELOAD_MEMORY_MS ? count : 0;
  const pause = recent < 3 ? 0 : Math.min(1000 * 2 ** (recent - 3), 15_000);
  setTimeout(() => {
    memory.write(`reloads ${page}`, `${recent + 1} ${Date.now()}`);
    if (field?.value) memory.write(`typed ${page}`, field.value);
    location.replace(page);
  }, pause);
}

/** Loads the page again if the server answers at all: a browser's own error page would be the end of this one. */
async function look() {
  try {
    const answer = await fetch(page, { redirect: 'manual', cache: 'no-store' });
    if (answer.type === 'opaqueredirect' || answer.status < 500) reload();
  } catch {}
}

/** Opens the stream, or opens it anew; the server tells the state at once. */
function listen() {
  if (leaving) return;
  clearTimeout(retryTimer);
  source?.close();
  const opened = new EventSource(live.dataset.events);
  source = opened;
  let first = true;
  opened.addEventListener('open', () => {
    failures = 0;
    connection.hidden = true;
  });
  opened.addEventListener('state', (event) => {
    let state;
    try {
      state = JSON.parse(event.data).state;
    } catch {
      return;
    }
    // This page already knows of the end and asks for a number: hearing of it again on opening is no news.
    const known = first && state === 'settled' && live.dataset.settled === 'true';
    first = false;
    if (!known && (state === 'changed' || state === 'settled' || state === 'lapsed')) reload();
  });
  opened.addEventListener('error', () => {
    if (source !== opened || leaving) return;
    // Our own pause instead of the browser's: it grows, and it also covers answers after which browsers give up.
    opened.close();
    failures += 1;
    if (failures > 1) {
      look();
      connection.textContent = 'The connection was interrupted. Trying again …';
      connection.hidden = false;
    }
    const pause = Math.min(1000 * 2 ** (failures - 1), LONGEST_PAUSE_MS);
    retryTimer = setTimeout(listen, pause * (0.75 + Math.random() / 2));
  });
}

if (live !== null && 'EventSource' in window) {
  const typed = memory.read(`typed ${page}`);
  memory.write(`typed ${page}`, null);
  if (field !== null && typed !== null && field.value === '') {
    field.value = typed;
    field.focus();
  }

  listen();
  setInterval(listen, REOPEN_MS);

  const lapsesInMs = Date.parse(live.dataset.lapses) - Date.now();
  if (lapsesInMs > 0 && lapsesInMs < 2 ** 31) setTimeout(look, lapsesInMs + 1500);

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      hiddenSince = Date.now();
      return;
    }
    // Phones freeze a page in the background: what was said meanwhile is lost, so look at the page itself.
    const away = hiddenSince === undefined ? 0 : Date.now() - hiddenSince;
    hiddenSince = undefined;
    listen();
    if (away > 10_000) look();
  });
  document.addEventListener('submit', () => {
    sentAt = Date.now();
  });
  window.addEventListener('online', listen);
  window.addEventListener('pagehide', () => source?.close());
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) {
      leaving = false;
      sentAt = 0;
      reload();
    }
  });
} else if (live !== null) {
  setTimeout(() => location.replace(page), Math.max(5, Number(live.dataset.refresh) || 5) * 1000);
}
