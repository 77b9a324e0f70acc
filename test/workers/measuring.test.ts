// A scrape of several processes ends, whatever one of them does.

import { expect, test } from '@jest/globals';
import { createMeter } from '../../src/telemetry/metrics.ts';
import type { Member } from '../../src/workers/crew.ts';
import { createMeasuring } from '../../src/workers/measuring.ts';
import type { ToWorker } from '../../src/workers/messages.ts';

/** Workers that answer with one skip each, unless they are stuck. */
async function measuringOf(size: number) {
  const { meter, series } = createMeter({ processMetrics: false });
  meter.count('skips');
  const counted = await series();
  const alarms: (() => void)[] = [];
  const stuck = new Set<number>();
  const answers: Extract<ToWorker, { kind: 'exposition' }>[] = [];
  let members: Member[] = [];
  const measuring = createMeasuring({
    members: () => members,
    timing: { after: (_ms, work) => (alarms.push(work), () => undefined) },
  });
  const worker = (place: number): Member => {
    const member: Member = {
      place,
      worker: {
        send(message) {
          if (message.kind === 'exposition') answers.push(message);
          if (message.kind !== 'measure' || stuck.has(place)) return;
          measuring.heard(member, { kind: 'measured', round: message.round, series: counted });
        },
        release: () => undefined,
        kill: () => undefined,
      },
    };
    return member;
  };
  members = Array.from({ length: size }, (_, index) => worker(index + 1));
  const scrape = async (onWay: () => void = () => undefined) => {
    const [first] = members;
    if (!first) throw new Error('nobody is left');
    measuring.heard(first, { kind: 'expose', question: 7 });
    onWay();
    for (let turn = 0; turn < 20 && answers.length === 0; turn += 1) await new Promise(setImmediate);
    const answer = answers.pop();
    return answer && [answer.question, /^selfie_oidc_skips_total (\d+)$/m.exec(answer.text)?.[1]];
  };
  const leave = (place: number) => {
    const member = members.find((each) => each.place === place) as Member;
    members = members.filter((each) => each !== member);
    measuring.left(member);
  };
  const expire = () => {
    for (const alarm of alarms.splice(0)) alarm();
  };
  return { scrape, stuck, leave, expire, join: (place: number) => void members.push(worker(place)) };
}

test('whoever is asked answers for all', async () => {
  const { scrape } = await measuringOf(3);
  expect(await scrape()).toEqual([7, '3']);
});

test('one that is stuck is waited for so long and no longer, and counted with what it said last', async () => {
  const { scrape, stuck, expire } = await measuringOf(3);
  await scrape();
  stuck.add(2);
  expect(await scrape()).toBeUndefined();
  expect(await scrape(expire)).toEqual([7, '3']);
});

test('one that ends on the way holds nobody up, and the total does not fall; its successor begins at nought', async () => {
  const { scrape, stuck, leave, join } = await measuringOf(3);
  await scrape();
  stuck.add(2);
  expect(await scrape(() => leave(2))).toEqual([7, '3']);
  stuck.delete(2);
  join(2);
  expect(await scrape()).toEqual([7, '4']);
});
