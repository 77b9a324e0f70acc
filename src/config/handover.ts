// The configuration on its way to another process of ours: the one that judged it hands it on, so that all serve the same, also one that
// is started a week later beside a file that has changed since. Structured cloning keeps everything but prototypes.

import type { Config } from './config.ts';

/** @param config as structured cloning gave it: maps whose names arrive in requests have no prototype again */
export function receiveConfig(config: Config): Config {
  const { policy } = config;
  return { ...config, policy: { ...policy, scopes: bare(policy.scopes), clients: bare(policy.clients) } };
}

function bare<T extends object>(map: T): T {
  return Object.assign(Object.create(null), map);
}
