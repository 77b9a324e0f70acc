// Two who come with something that is good once while the storage is ill (R7): a client with a refresh token, and a person whose approval
// is about to become a code. A request that is refused must leave it as it was; one that goes through uses it up, once.

import { setTimeout as delay } from 'node:timers/promises';
import { CLIENT } from '../../bench/folders.ts';
import {
  askToRefresh,
  type Begun,
  begin,
  codeIn,
  isAtClient,
  login,
  newPerson,
  obtainTokens,
  type Person,
  redeem,
  tokensIn,
} from '../../bench/login-flow.ts';
import type { Answer } from '../../bench/web-client.ts';
import type { Ground } from '../ground.ts';

export interface GoodOnce {
  /** the client's: new tokens for old */
  refresh(): Promise<Answer>;
  /** the browser's: the address that the finish led to */
  resume(): Promise<Answer>;
  /** @returns what was lost, or could be used twice */
  look(): Promise<readonly string[]>;
}

export async function setGoodOnce(
  { places }: Ground,
  passVendor: (person: Person, begun: Begun) => Promise<string>,
): Promise<GoodOnce> {
  const { issuer } = places;
  const client = newPerson();
  await login(client, places);
  let refreshToken = (await obtainTokens(client, issuer, CLIENT)).refreshToken ?? '';
  let replaced: string | undefined;

  const person = newPerson();
  const begun = await begin(person, places);
  const address = await resumeOf(person, await passVendor(person, begun), `${issuer}/auth/`);
  let brought: Answer | undefined;

  const goodOnce: GoodOnce = {
    async refresh() {
      const answer = await askToRefresh(issuer, CLIENT, refreshToken);
      if (answer.status === 200) {
        replaced = refreshToken;
        refreshToken = tokensIn(answer).refreshToken ?? '';
      }
      return answer;
    },
    async resume() {
      const answer = brought ?? (await person.browser.request(address));
      if (isAtClient(answer) && codeIn(answer) !== undefined) brought = answer;
      return answer;
    },
    async look() {
      const lost: string[] = [];
      const refreshed = await goodOnce.refresh();
      if (refreshed.status !== 200) lost.push(`refresh token: ${refreshed.status} ${refreshed.text.slice(0, 80)}`);
      else if ((await askToRefresh(issuer, CLIENT, replaced ?? '')).status !== 400)
        lost.push('refresh token: good twice');
      const resumed = await goodOnce.resume();
      await redeem(person, issuer, begun.request, resumed).catch((error: Error) =>
        lost.push(`approval: ${error.message}`),
      );
      if (codeIn(await person.browser.request(address)) !== undefined) lost.push('approval: a second code');
      return lost;
    },
  };
  return goodOnce;
}

async function resumeOf({ browser }: Person, returnUrl: string, prefix: string): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    const page = await browser.follow(await browser.request(returnUrl), prefix);
    if (page.location?.startsWith(prefix)) return page.location;
    await delay(50);
  }
  throw new Error('the approval leads to no resume');
}
