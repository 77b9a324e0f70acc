/** Where the browser goes after the capture, section 3 of the contract. */
import type { Settings, StoredSession } from './types.ts';

/** The callback with `verificationSessionId` and `status` joined to its own query; null without a callback. */
export function callbackAddress(session: StoredSession, settings: Settings): string | null {
  if (session.callback === null) return null;
  const pairs = { verificationSessionId: session.id, status: session.status };
  const added = Object.entries(pairs)
    .map(([name, value]) => `${name}=${encode(value, settings.callbackSpace)}`)
    .join('&');
  if (settings.callbackJoin === 'second_question_mark') return `${session.callback}?${added}`;
  const [address = '', fragment] = session.callback.split('#', 2);
  const joint = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&';
  return `${address}${joint}${added}${fragment === undefined ? '' : `#${fragment}`}`;
}

/** Whether this browser is one that the callback method sends back. */
export function isSentBack(session: StoredSession, device: string): boolean {
  const opener = session.devices[0]?.device;
  switch (session.callbackMethod) {
    case 'initiator':
      return device === opener;
    case 'completer':
      return device === session.completedBy;
    default:
      return device === opener || device === session.completedBy;
  }
}

function encode(value: string, space: Settings['callbackSpace']): string {
  const encoded = encodeURIComponent(value);
  return space === 'plus' ? encoded.replaceAll('%20', '+') : encoded;
}
