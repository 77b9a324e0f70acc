// Can this server be trusted with records? Judged by what it tells of itself: before the first record, at each new connection, which may
// lead to another server or to one with other settings, and every few seconds, as settings change while it runs.

import { StorageUnavailable } from '../core/errors.ts';
import type { Logger } from '../login/ports.ts';

export interface RedisJudge {
  /** @throws StorageUnavailable it takes no writes, may throw away records when its memory is full, or is too old */
  judge(info: string): void;
  /** From now on `look` judges: until then whoever opens the storage does, and tells it. */
  watch(): void;
  /**
   * The same of a server that was good before, which may be another one by now; in the log when that changes.
   *
   * @param server where it is, for the log
   * @throws StorageUnavailable it should not be used now
   */
  look(server: string, info: string): void;
}

export function createRedisJudge({ log }: { readonly log?: Logger | undefined }): RedisJudge {
  /** by server, as long as it is not to be used */
  const refusals = new Map<string, string>();
  const warned = new Set<string>();
  let isWatching = false;

  function judge(info: string): void {
    assertGood(info);
    for (const warning of warningsOf(info)) {
      if (!warned.has(warning)) log?.warn({}, warning);
      warned.add(warning);
    }
  }

  return {
    judge,
    watch() {
      isWatching = true;
    },
    look(server, info) {
      if (!isWatching || isReplicaInCluster(info)) return;
      try {
        judge(info);
        refusals.delete(server);
      } catch (error) {
        const problem = (error as Error).message;
        if (refusals.get(server) !== problem)
          log?.error({ server, problem }, 'this redis is not to be used until mended');
        refusals.set(server, problem);
        throw error;
      }
    },
  };
}

/** One line of what INFO says. */
export function readInfo(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
}

/** It is asked who serves what, and nothing else. */
function isReplicaInCluster(info: string): boolean {
  return readInfo(info, 'cluster_enabled') === '1' && readInfo(info, 'role') === 'slave';
}

function assertGood(info: string): void {
  const version = readInfo(info, 'redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 2))
    throw new StorageUnavailable(`redis ${version} is too old; 6.2 or later is needed`);
  if (readInfo(info, 'role') === 'slave')
    throw new StorageUnavailable('this redis is a replica and takes no writes; name the master');
  const policy = readInfo(info, 'maxmemory_policy');
  if (policy?.startsWith('allkeys')) {
    throw new StorageUnavailable(
      `redis has maxmemory-policy ${policy} and would throw away accounts and used codes; set maxmemory-policy noeviction`,
    );
  }
}

function* warningsOf(info: string): Generator<string> {
  if (readInfo(info, 'aof_enabled') === '0')
    yield 'redis has appendonly no: a restart of it forgets what was stored since its last snapshot; set appendonly yes';
  if (readInfo(info, 'cluster_enabled') === '1' && readInfo(info, 'connected_slaves') === '0')
    yield 'a master of the redis cluster has no replica: while it is down nobody can sign in';
}
