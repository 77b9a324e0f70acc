// `attempts --held`: what waits for a person at the vendor, and would otherwise be seen in a metric only.

import { listHeld } from '../../admin/list-held.ts';
import { type Command, expectWords, Misuse, SUCCESS } from '../command.ts';
import { columns, isoTime } from '../output.ts';
import { withParts } from '../work.ts';

export const attempts: Command = {
  name: 'attempts',
  summary: 'Lists logins that wait for a reviewer at the vendor',
  forms: ['attempts --held'],
  options: { held: { type: 'boolean', about: 'those whose verification is held for a review' } },
  notes: [
    "Decide in the vendor's console. After the last column the client has been answered, and the person signs in again.",
  ],
  async run(call) {
    expectWords(call.words, 0);
    if (call.values.held !== true) throw new Misuse('say which: --held');
    return withParts(call, async (parts) => {
      const held = await listHeld(parts);
      if (call.json) {
        for (const { uid, clientId, status, since, waitsUntil, verificationId } of held) {
          const times = { since: isoTime(since), waits_until: isoTime(waitsUntil) };
          call.out(JSON.stringify({ attempt: uid, client: clientId, status, ...times, verification: verificationId }));
        }
        return SUCCESS;
      }
      const rows = held.map((review) => [
        review.uid,
        review.clientId,
        review.status,
        review.verificationId,
        isoTime(review.since),
        isoTime(review.waitsUntil),
      ]);
      const head = ['attempt', 'client', 'status', 'verification', 'since', 'waits until'];
      for (const line of rows.length > 0 ? columns([head, ...rows]) : ['no login is held']) call.out(line);
      return SUCCESS;
    });
  },
};
