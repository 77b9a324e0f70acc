// `invite`: the way in where the policy lets nobody enrol unasked.

import { makeInvitations } from '../../admin/make-invitations.ts';
import type { Parts } from '../../app-parts.ts';
import { readIdentifier } from '../../core/identifier.ts';
import { type Command, expectWords, Failure, Misuse, SUCCESS } from '../command.ts';
import { isoTime } from '../output.ts';
import { readCount, readDuration } from '../values.ts';
import { withParts } from '../work.ts';

const MOST_LINKS = 1000;
const LONGEST = '90d';

export const invite: Command = {
  name: 'invite',
  summary: 'Makes invitation links, each for one person to enrol, once',
  forms: ['invite [--identifier NAME] [--ttl 7d] [--count N]'],
  options: {
    identifier: { type: 'string', about: 'only for somebody who enrols with this identifier' },
    ttl: { type: 'string', about: `how long a link is good, ${LONGEST} at most; 7d if not said` },
    count: { type: 'string', about: 'how many links; 1 if not said' },
  },
  notes: ['Links are shown once: only a hash of each is kept. Send them over a way that only the invited reads.'],
  async run(call) {
    expectWords(call.words, 0);
    const { identifier: typed, ttl = '7d', count: counted = '1' } = call.values as Record<string, string | undefined>;
    const ttlSeconds = readDuration('ttl', ttl, LONGEST);
    const count = readCount('count', counted, MOST_LINKS);
    const reading = typed === undefined ? undefined : readIdentifier(typed);
    if (reading?.kind === 'refused') throw new Misuse(`--identifier: ${reading.message}`);
    if (reading && count > 1) throw new Misuse('--count: one identifier is enrolled once; make one link');
    const work = async (parts: Parts) => {
      const { issuer, policy } = parts.config;
      const who = reading ? { identifier: reading.identifier } : {};
      const made = await makeInvitations({ ...parts, issuer }, { count, ttlSeconds, ...who });
      if (made.kind === 'taken')
        throw new Failure('that identifier has an account already: it signs in, and cannot enrol');
      for (const { link, expiresAt, identifier } of made.links) {
        if (call.json) call.out(JSON.stringify({ link, expires: isoTime(expiresAt), identifier: identifier ?? null }));
        else call.out(link);
      }
      const last = made.links.at(-1);
      if (!call.json && last) call.err(`one use each, until ${isoTime(last.expiresAt)}`);
      if (policy.enrolment === 'closed') call.err('warning: the policy says enrolment: closed, so no link works now');
      if (policy.enrolment === 'open') call.err('note: the policy says enrolment: open, so nobody needs a link now');
      return SUCCESS;
    };
    return withParts(call, work, { makes: true });
  },
};
