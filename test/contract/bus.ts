// What every storage engine must do for `Bus`, within one process.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Bus } from '../../src/login/ports.ts';
import { movableClock, type Opening } from './store.ts';

export function busContract(engine: string, { open }: Opening): void {
  describe(`Bus on ${engine}`, () => {
    let opened: Awaited<ReturnType<Opening['open']>>;
    let bus: Bus;

    beforeAll(async () => {
      opened = await open(movableClock());
      bus = opened.one.bus;
    });
    afterAll(() => opened.close());

    /** resolves when all that was published before has been heard */
    async function heard(): Promise<void> {
      await new Promise<void>((resolve) => {
        const stop = bus.subscribe('contract:last', () => {
          stop();
          resolve();
        });
        void bus.publish('contract:last');
      });
    }

    test('every listener of a channel is woken, of another none', async () => {
      const woken: string[] = [];
      const stops = ['a', 'b'].map((name) => bus.subscribe('one', () => woken.push(name)));
      stops.push(bus.subscribe('two', () => woken.push('two')));
      await bus.publish('one');
      await heard();
      expect(woken.toSorted()).toEqual(['a', 'b']);
      for (const stop of stops) stop();
    });

    test('who has stopped listening is left alone; stopping twice is fine', async () => {
      let count = 0;
      const listener = () => {
        count += 1;
      };
      const stopFirst = bus.subscribe('one', listener);
      const stopSecond = bus.subscribe('one', listener);
      stopFirst();
      stopFirst();
      await bus.publish('one');
      await heard();
      expect(count).toBe(1);
      stopSecond();
      await bus.publish('one');
      await heard();
      expect(count).toBe(1);
    });

    test('a listener that throws silences no other, and publishing goes on', async () => {
      let count = 0;
      const stops = [
        bus.subscribe('one', () => {
          throw new Error('of its own');
        }),
        bus.subscribe('one', () => {
          count += 1;
        }),
      ];
      await bus.publish('one');
      await heard();
      expect(count).toBe(1);
      for (const stop of stops) stop();
    });
  });
}
