// A Redis Cluster of a test's own: masters and replicas as processes on free ports of this machine, whose state files say from the
// start who serves what, as talking each node into it would take seconds.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.ts';

/** When a node gives up on another: late, so that a busy machine replaces nobody, and soon where that is what is wanted. */
const LATE_MS = 15_000;
const SOON_MS = 500;
const SLOTS = 16_384;

export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  /** a command to this node itself */
  tell(...command: string[]): string;
  /** unless it runs */
  start(): void;
  kill(): Promise<void>;
  /** SIGSTOP: connections stay open, nobody answers */
  pause(): void;
  resume(): void;
}

export interface OwnCluster {
  /** a storage URL that names two nodes, and a prefix of its own each time */
  makeUrl(): string;
  readonly nodes: readonly ClusterNode[];
  /** those that are masters now, each with its replicas */
  pairs(): { master: ClusterNode; replicas: ClusterNode[] }[];
  /** From now on a node that is away is given up after half a second. @param away one that cannot be told so */
  giveUpSoon(away?: ClusterNode): void;
  /** the opposite */
  giveUpLate(away?: ClusterNode): void;
  /** Has every node run, gives up on none any more, and waits until all say that all is well, and every replica that it has its master's data. */
  mend(): Promise<void>;
  remove(): Promise<void>;
}

interface Layout {
  readonly id: string;
  readonly port: number;
  readonly busPort: number;
  /** undefined for a master */
  readonly masterId: string | undefined;
  readonly slots: string;
}

/** @param settings as on the command line of `redis-server` */
export async function ownCluster(options: { masters: number; replicas: boolean }, ...settings: string[]) {
  const { masters: count, replicas } = options;
  const folder = mkdtempSync(join(tmpdir(), 'selfie-oidc-cluster-'));
  const ports = new Set<number>();
  while (ports.size < count * (replicas ? 4 : 2)) ports.add(await freePort());
  const free = [...ports];
  const layouts: Layout[] = [];
  for (let index = 0; index < count; index += 1) {
    const slots = `${Math.ceil((index * SLOTS) / count)}-${Math.ceil(((index + 1) * SLOTS) / count) - 1}`;
    layouts.push(layoutOf(free.splice(0, 2), undefined, slots));
  }
  const masterIds = layouts.map(({ id }) => id);
  if (replicas) for (const masterId of masterIds) layouts.push(layoutOf(free.splice(0, 2), masterId, ''));
  const nodes = layouts.map((layout) => createNode(layout, layouts, join(folder, layout.id), settings));
  const setTimeouts = (ms: number, away?: ClusterNode) => {
    for (const node of nodes) if (node !== away) node.tell('CONFIG', 'SET', 'cluster-node-timeout', String(ms));
  };
  const cluster: OwnCluster = {
    makeUrl() {
      const [first, second] = nodes;
      return `redis://127.0.0.1:${first?.port}?node=127.0.0.1:${second?.port}&prefix=t${randomUUID().slice(0, 8)}`;
    },
    nodes,
    pairs() {
      const parents = new Map(nodes.map((node) => [node, parentOf(node)]));
      const masters = nodes.filter((node) => parents.get(node) === undefined);
      return masters.map((master) => ({
        master,
        replicas: nodes.filter((node) => parents.get(node) === master.port),
      }));
    },
    giveUpSoon: (away) => setTimeouts(SOON_MS, away),
    giveUpLate: (away) => setTimeouts(LATE_MS, away),
    async mend() {
      for (const node of nodes) {
        node.resume();
        node.start();
      }
      for (const node of nodes) await until(() => node.tell('PING').startsWith('PONG'));
      // What a restarted node has to tell goes round faster so.
      setTimeouts(SOON_MS);
      for (const node of nodes) {
        await until(() => {
          const isWell = /cluster_state:ok/.test(node.tell('CLUSTER', 'INFO'));
          const roles = node.tell('INFO', 'replication');
          return isWell && (/role:master/.test(roles) || /master_link_status:up/.test(roles));
        });
      }
      // A replica that has not told of its data is not counted by the others.
      await until(() => nodes.every((node) => countOf(node.tell('CLUSTER', 'SLOTS')) === nodes.length));
      setTimeouts(LATE_MS);
    },
    async remove() {
      await Promise.all(nodes.map((node) => node.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await cluster.mend().catch(async (error) => {
    await cluster.remove();
    throw error;
  });
  return cluster;
}

/** The port of a replica's master; undefined of a master. */
function parentOf(node: ClusterNode): number | undefined {
  const port = /^master_port:(\d+)/m.exec(node.tell('INFO', 'replication'))?.[1];
  return port === undefined ? undefined : Number(port);
}

/** How many nodes an answer to CLUSTER SLOTS names; each is told by its id. */
function countOf(slots: string): number {
  return new Set(slots.match(/\b[0-9a-f]{40}\b/g)).size;
}

function layoutOf([port = 0, busPort = 0]: readonly number[], masterId: string | undefined, slots: string): Layout {
  return { id: createHash('sha1').update(String(port)).digest('hex'), port, busPort, masterId, slots };
}

/** One node's own file about the cluster, as Redis writes it. */
function stateOf(self: Layout, all: readonly Layout[]): string {
  const masters = all.filter(({ masterId }) => masterId === undefined);
  const lines = all.map((layout) => {
    const { id, port, busPort, masterId, slots } = layout;
    const flags = `${layout === self ? 'myself,' : ''}${masterId === undefined ? 'master' : 'slave'}`;
    const epoch = masters.findIndex((master) => master.id === (masterId ?? id)) + 1;
    return `${id} 127.0.0.1:${port}@${busPort} ${flags} ${masterId ?? '-'} 0 0 ${epoch} connected ${slots}`.trimEnd();
  });
  return `${lines.join('\n')}\nvars currentEpoch ${masters.length} lastVoteEpoch 0\n`;
}

function createNode(layout: Layout, all: readonly Layout[], folder: string, settings: readonly string[]): ClusterNode {
  const { id, port, busPort } = layout;
  mkdirSync(folder);
  writeFileSync(join(folder, 'nodes.conf'), stateOf(layout, all));
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  args.push('--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--repl-diskless-sync-delay', '0');
  // Until its master has sent something a replica counts as one without data.
  args.push('--repl-ping-replica-period', '1');
  args.push('--cluster-node-timeout', String(SOON_MS), ...settings);
  let child: ChildProcess | undefined;
  const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    id,
    port,
    tell: (...command) =>
      execFileSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8', timeout: 5000, stdio: 'pipe' }),
    start() {
      if (isRunning()) return;
      child = spawn('redis-server', args, { stdio: 'ignore' });
    },
    async kill() {
      if (child === undefined || !isRunning()) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  let failure: unknown;
  for (const giveUpAtMs = performance.now() + 15_000; performance.now() < giveUpAtMs; await delay(50)) {
    try {
      if (isSo()) return;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error('the cluster did not come up', { cause: failure });
}
