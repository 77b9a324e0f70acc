// Which part of a Redis Cluster a key lies in, and what the cluster says about who serves it. Pure.

import { addressOf, type Endpoint } from './redis-url.ts';

const SLOTS = 16_384;

/** Who serves what, as one node saw it. */
export interface SlotMap {
  /** of the newest change that node has heard of; of two maps the higher is the newer */
  readonly epoch: number;
  /** @returns the address of the master that serves a slot, if any does */
  masterOf(slot: number): string | undefined;
  /** by address */
  readonly masters: ReadonlyMap<string, Master>;
}

export interface Master {
  readonly endpoint: Endpoint;
  /** that could take its place: neither failed in the eyes of the majority nor still without its data */
  readonly replicas: number;
}

/** What CLUSTER SLOTS answers: first slot, last slot, the master, and its healthy replicas, each as host, port, id and more. */
type SlotsReply = readonly [number, number, ...nodes: readonly [host: string | null, port: number, ...unknown[]][]][];

/** @param asked the node that answered: it leaves out its own host where it knows of none that is better */
export function readSlotMap(slots: unknown, info: unknown, asked: Endpoint): SlotMap {
  const masters = new Map<string, Master>();
  const owners: (string | undefined)[] = Array.from({ length: SLOTS });
  for (const [first, last, master, ...replicas] of slots as SlotsReply) {
    const [host, port] = master ?? [];
    if (port === undefined || host === '?') continue;
    const endpoint = { host: host || asked.host, port };
    masters.set(addressOf(endpoint), { endpoint, replicas: replicas.length });
    owners.fill(addressOf(endpoint), first, last + 1);
  }
  const epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(String(info))?.[1] ?? 0);
  return { epoch, masterOf: (slot) => owners[slot], masters };
}

/** Where a key lies: only what stands in its first braces counts, if anything does. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  const hashed = open >= 0 && close > open + 1 ? key.slice(open + 1, close) : key;
  return crc16(Buffer.from(hashed)) % SLOTS;
}

/** CRC-16/XMODEM, as the Redis Cluster Specification has it. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}
