// The atomic steps in Redis, as Lua: a script runs alone. A row is a string, "END:TEXT", beside two sorted sets of its shard: `ends`
// (by end, for removing what is over) and `names` (by bytes, for lists). Redis is given no expiry of its own: its clock would
// decide what is still there. Each script first refuses to run after its caller's deadline (`server-clock.ts`).

import { createHash } from 'node:crypto';

const PRELUDE = `
local time = redis.call('TIME')
if time[1] * 1000 + time[2] / 1000 >= tonumber(ARGV[1]) then return redis.error_reply('LATE the caller has given up') end
local function isLiving(raw, now)
  return raw and tonumber(string.sub(raw, 1, string.find(raw, ':', 1, true) - 1)) > tonumber(now)
end
local function put(raw, key, expiresAt)
  redis.call('SET', KEYS[1], raw)
  redis.call('ZADD', KEYS[2], expiresAt, key)
  redis.call('ZADD', KEYS[3], 0, key)
end
local function drop(key)
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], key)
  redis.call('ZREM', KEYS[3], key)
end`;

/** KEYS: row, ends, names. ARGV: deadline, key, then as named. */
const ROW_SCRIPTS = {
  /** expiresAt, raw */
  write: `put(ARGV[4], ARGV[2], ARGV[3])`,
  /** expiresAt, raw, now */
  insert: `
if isLiving(redis.call('GET', KEYS[1]), ARGV[5]) then return 0 end
put(ARGV[4], ARGV[2], ARGV[3])
return 1`,
  take: `
local raw = redis.call('GET', KEYS[1])
if raw then drop(ARGV[2]) end
return raw`,
  /** expiresAt, raw, raw as it was seen or '' for none */
  swap: `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[5] then return 0 end
put(ARGV[4], ARGV[2], ARGV[3])
return 1`,
  /** raw as it was seen */
  swapAway: `
if redis.call('GET', KEYS[1]) ~= ARGV[3] then return 0 end
drop(ARGV[2])
return 1`,
  /** expiresAt, by, now */
  add: `
local raw = redis.call('GET', KEYS[1])
local expiresAt, sum = ARGV[3], tonumber(ARGV[4])
if isLiving(raw, ARGV[5]) then
  local colon = string.find(raw, ':', 1, true)
  expiresAt = string.sub(raw, 1, colon - 1)
  sum = sum + tonumber(string.sub(raw, colon + 1))
end
local row = expiresAt .. ':' .. string.format('%.0f', sum)
put(row, ARGV[2], expiresAt)
return row`,
};

/** KEYS: ends, names (of one shard). ARGV: deadline, then as named. */
const SHARD_SCRIPTS = {
  /** where to begin, prefix, limit, now. Looks at 2000 names at most, and says where it stopped: '' at the end. */
  list: `
local names = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], '(' .. ARGV[3] .. '\\255', 'LIMIT', 0, 2000)
local found = {''}
for index, name in ipairs(names) do
  local expiresAt = redis.call('ZSCORE', KEYS[1], name)
  if expiresAt and tonumber(expiresAt) > tonumber(ARGV[5]) then
    found[#found + 1] = name
    if #found > tonumber(ARGV[4]) then return found end
  end
  if index == 2000 then found[1] = name end
end
return found`,
  /** now, limit, what comes before a key in its row's name */
  removeExpired: `
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, name in ipairs(names) do
  redis.call('DEL', ARGV[4] .. name)
  redis.call('ZREM', KEYS[1], name)
  redis.call('ZREM', KEYS[2], name)
end
return #names`,
};

/** KEYS: ready, jobs, ready of one kind. ARGV: deadline, then as named. A job is "DUE ATTEMPTS PAYLOAD" under "KIND NUL ID". */
const JOB_SCRIPTS = {
  /** name, job, when it is ready */
  add: `
if redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3]) == 0 then return 0 end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
return 1`,
  /** name, due, payload */
  schedule: `
local job = redis.call('HGET', KEYS[2], ARGV[2])
local attempts = job and string.match(job, '^%S+ (%d+) ') or '0'
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3] .. ' ' .. attempts .. ' ' .. ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])`,
  /**
   * now, limit, end of the lease, what comes before a kind in the name of its set. A name without a job (evicted, or removed by hand) is
   * dropped: it would be the first of all that is due, for ever.
   */
  claimDue: `
local names = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
local claimed = {}
for _, name in ipairs(names) do
  local job = redis.call('HGET', KEYS[2], name)
  local due, attempts, payload = string.match(job or '', '^(%-?%d+) (%d+) (.*)$')
  local readyOfKind = ARGV[5] .. string.match(name, '^%Z*')
  if due then
    redis.call('HSET', KEYS[2], name, due .. ' ' .. string.format('%.0f', attempts + 1) .. ' ' .. payload)
    redis.call('ZADD', KEYS[1], ARGV[4], name)
    redis.call('ZADD', readyOfKind, ARGV[4], name)
    claimed[#claimed + 1] = name
    claimed[#claimed + 1] = job
  else
    redis.call('HDEL', KEYS[2], name)
    redis.call('ZREM', KEYS[1], name)
    redis.call('ZREM', readyOfKind, name)
  end
end
return claimed`,
  /** name */
  cancel: `
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])`,
  /** name, "DUE ATTEMPTS " as claimed, then nothing, or due and payload. Whoever plans a job anew has it ready when it is due. */
  giveBack: `
local job = redis.call('HGET', KEYS[2], ARGV[2])
if not job or string.sub(job, 1, #ARGV[3]) ~= ARGV[3] then return end
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[2])) == tonumber(string.match(job, '^%S+')) then return end
if not ARGV[4] then
  redis.call('HDEL', KEYS[2], ARGV[2])
  redis.call('ZREM', KEYS[1], ARGV[2])
  redis.call('ZREM', KEYS[3], ARGV[2])
  return
end
local attempts = string.match(job, '^%S+ (%d+) ')
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4] .. ' ' .. attempts .. ' ' .. ARGV[5])
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])`,
  /** now, limit */
  hasten: `
local names = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])
for _, name in ipairs(names) do
  local due, rest = string.match(redis.call('HGET', KEYS[2], name) or '', '^(%-?%d+)( .*)$')
  if due then
    if tonumber(due) > tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], name, ARGV[2] .. rest) end
    redis.call('ZADD', KEYS[1], ARGV[2], name)
    redis.call('ZADD', KEYS[3], ARGV[2], name)
  else
    redis.call('HDEL', KEYS[2], name)
    redis.call('ZREM', KEYS[1], name)
    redis.call('ZREM', KEYS[3], name)
  end
end
return #names`,
};

/** KEYS: the layout. ARGV: deadline, then as named. */
const LAYOUT_SCRIPTS = {
  /** what to note where nothing is */
  note: `
local held = redis.call('GET', KEYS[1])
if not held then redis.call('SET', KEYS[1], ARGV[2]) end
return held`,
};

export interface Script {
  readonly source: string;
  /** what EVALSHA wants */
  readonly sha: string;
  readonly keys: string;
}

function toScripts<N extends string>(bodies: Record<N, string>, keys: number): Record<N, Script> {
  const entries = Object.entries<string>(bodies).map(([name, body]) => {
    const source = `${PRELUDE}\n${body}`;
    return [name, { source, sha: createHash('sha1').update(source).digest('hex'), keys: String(keys) }];
  });
  return Object.fromEntries(entries);
}

export const rowScripts = toScripts(ROW_SCRIPTS, 3);
export const shardScripts = toScripts(SHARD_SCRIPTS, 2);
export const jobScripts = toScripts(JOB_SCRIPTS, 3);
export const layoutScripts = toScripts(LAYOUT_SCRIPTS, 1);
export const ALL_SCRIPTS: readonly Script[] = [rowScripts, shardScripts, jobScripts, layoutScripts].flatMap((each) =>
  Object.values(each),
);
