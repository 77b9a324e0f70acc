// The event stream of the waiting page: it tells a browser that its login is over, never how (design section 9).
//
// A page is woken by the bus and, as a message may be lost, looks at state by itself every few seconds. Ten thousand
// pages may wait at once, so an open stream is its response and little more: one timer serves all of them, turning two
// wheels, and all streams of one interaction share one room, one subscription and one look at state.

import type { ServerResponse } from 'node:http';
import type { Context } from 'koa';
import type { Bus, Logger } from '../login/ports.ts';

export interface WaitingState {
  readonly state: 'waiting' | 'settled' | 'lapsed';
  /** differs when the page would look different; a counter, as the browser sees it and must not learn a result from it */
  readonly version: string | number;
}

export interface WaitingRoomOptions {
  readonly bus: Bus;
  /** undefined: nothing is known of it, which a page is told as `lapsed` */
  readonly readState: (uid: string) => Promise<WaitingState | undefined>;
  /** the bus channel that is published to when an attempt moves; the uid itself unless told otherwise */
  readonly channelOf?: (uid: string) => string;
  readonly logger?: Logger;
  readonly heartbeatMs?: number;
  /** how often a room looks by itself */
  readonly rereadMs?: number;
  readonly streamsPerInteraction?: number;
  readonly streamsInAll?: number;
  /** what browsers wait before they come back */
  readonly retryMs?: number;
  /** calls `work` every so often until the returned function is called */
  readonly every?: (ms: number, work: () => void) => () => void;
}

export interface WaitingRoom {
  /**
   * Answers a request with the stream; the caller has checked that this browser may see it. Returns at once.
   *
   * @param seen the version the page was made from: when it is not the present one, the first event says `changed`
   */
  open(ctx: Context, uid: string, seen?: string): void;
  /** From SIGTERM on: tells all browsers to come back soon, ends their streams, and keeps new ones no longer. */
  drain(): void;
  readonly streams: number;
  readonly rooms: number;
}

interface Visitor {
  readonly stream: ServerResponse;
  /** on the heartbeat wheel */
  readonly slot: number;
  /** the version its page shows, if it said so */
  readonly seen: string | undefined;
  /** has been told nothing yet */
  arriving: boolean;
}

interface Room {
  readonly uid: string;
  readonly visitors: Visitor[];
  readonly slot: number;
  readonly leaveBus: () => void;
  told: WaitingState | undefined;
  looking: 'no' | 'yes' | 'once more';
}

/** More than this unread means that nobody reads: a stalled client must not hold memory. */
const MAX_UNREAD_BYTES = 16_384;

/** Makes the room; it keeps a timer only while streams are open. */
export function createWaitingRoom(options: WaitingRoomOptions): WaitingRoom {
  const { bus, readState, heartbeatMs = 15_000, rereadMs = 2_000, retryMs = 2_000 } = options;
  const channelOf = options.channelOf ?? ((uid: string) => uid);
  const every = options.every ?? everyInterval;
  const tickMs = Math.min(1_000, heartbeatMs, rereadMs);
  const heartbeats = createWheel<ServerResponse>(Math.round(heartbeatMs / tickMs));
  const rereads = createWheel<Room>(Math.round(rereadMs / tickMs));
  const rooms = new Map<string, Room>();
  let streams = 0;
  let stopTicking: (() => void) | undefined;
  let draining = false;

  function tick(): void {
    for (const stream of heartbeats.turn()) send(stream, ':\n\n');
    for (const room of rereads.turn()) void look(room);
  }

  function enter(uid: string): Room {
    const present = rooms.get(uid);
    if (present !== undefined) return present;
    const room: Room = {
      uid,
      visitors: [],
      slot: rereads.nextSlot(),
      leaveBus: bus.subscribe(channelOf(uid), () => void look(room)),
      told: undefined,
      looking: 'no',
    };
    rooms.set(uid, room);
    rereads.add(room, room.slot);
    return room;
  }

  function leave(room: Room, visitor: Visitor): void {
    const place = room.visitors.indexOf(visitor);
    if (place === -1) return;
    room.visitors.splice(place, 1);
    heartbeats.remove(visitor.stream, visitor.slot);
    streams -= 1;
    if (room.visitors.length === 0) {
      rereads.remove(room, room.slot);
      rooms.delete(room.uid);
      room.leaveBus();
    }
    if (streams === 0) {
      stopTicking?.();
      stopTicking = undefined;
    }
  }

  /** Reads state and tells what changed. A wake during a reading causes one more, however many they were. */
  async function look(room: Room): Promise<void> {
    if (room.looking !== 'no') {
      room.looking = 'once more';
      return;
    }
    do {
      room.looking = 'yes';
      try {
        tell(room, (await readState(room.uid)) ?? { state: 'lapsed', version: '' });
      } catch (fault) {
        // the store is away: the page keeps its stream, and the next look tells
        options.logger?.warn({ err: fault, uid: room.uid }, 'waiting page could not read state');
      }
    } while ((room.looking as Room['looking']) === 'once more' && room.visitors.length > 0);
    room.looking = 'no';
  }

  function tell(room: Room, now: WaitingState): void {
    const { told } = room;
    room.told = now;
    const version = eventId(now.version);
    const changed = told !== undefined && (told.state !== now.state || eventId(told.version) !== version);
    // a copy: ending a stream takes it out of the room
    for (const visitor of [...room.visitors]) {
      const { stream, seen, arriving } = visitor;
      if (!arriving && !changed) continue;
      const outdated = !arriving || (seen !== undefined && seen !== version);
      visitor.arriving = false;
      send(stream, stateEvent(now.state === 'waiting' && outdated ? 'changed' : now.state, version));
      if (now.state !== 'waiting') stream.end();
    }
  }

  return {
    open(ctx, uid, seen) {
      const full = (rooms.get(uid)?.visitors.length ?? 0) >= (options.streamsPerInteraction ?? 6);
      if (full || streams >= (options.streamsInAll ?? 20_000)) {
        ctx.status = full ? 429 : 503;
        ctx.set('Retry-After', '5');
        ctx.body = { error: 'too_many_streams' };
        return;
      }
      const lastSeen = eventId(ctx.get('Last-Event-ID') || seen || '') || undefined;
      const stream = startStream(ctx);
      if (ctx.method === 'HEAD' || stream.destroyed) {
        stream.end();
      } else if (draining) {
        endForNow(stream, retryMs);
      } else {
        stream.write(`retry: ${retryMs}\n\n`);
        const room = enter(uid);
        const visitor = { stream, slot: heartbeats.nextSlot(), seen: lastSeen, arriving: true };
        room.visitors.push(visitor);
        heartbeats.add(stream, visitor.slot);
        streams += 1;
        stopTicking ??= every(tickMs, tick);
        stream.once('close', () => leave(room, visitor));
        void look(room);
      }
    },
    drain() {
      draining = true;
      for (const room of [...rooms.values()]) for (const { stream } of [...room.visitors]) endForNow(stream, retryMs);
    },
    get streams() {
      return streams;
    },
    get rooms() {
      return rooms.size;
    },
  };
}

/** Takes the response out of koa's hands and starts the stream. */
function startStream(ctx: Context): ServerResponse {
  ctx.status = 200;
  ctx.set({
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store, no-transform',
    // an ended stream leaves no idle connection behind that a shutdown would wait for
    Connection: 'close',
    // nginx would keep events back until its buffer is full
    'X-Accel-Buffering': 'no',
  });
  ctx.respond = false;
  ctx.res.flushHeaders();
  // cookies and all: nobody reads them any more, and a stream may stay open for long
  ctx.req.headers = {};
  ctx.req.rawHeaders = [];
  return ctx.res;
}

/** `changed` asks for a reload. The id comes back as Last-Event-ID, so that a change while away is not missed. */
function stateEvent(state: WaitingState['state'] | 'changed', id: string): string {
  return `id: ${id}\nevent: state\ndata: {"state":"${state}"}\n\n`;
}

/** A version as it may stand in a stream: line ends in it would write events of their own (T27). */
function eventId(version: string | number): string {
  return String(version).replace(/[^\w.-]/g, '');
}

/** Browsers come back spread over a while, not all in the second after a restart. */
function endForNow(stream: ServerResponse, retryMs: number): void {
  send(stream, `retry: ${Math.round(retryMs * (0.25 + Math.random()))}\n\n`);
  stream.end();
}

function send(stream: ServerResponse, text: string): void {
  if (stream.destroyed || stream.writableEnded) return;
  if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy();
  else stream.write(text);
}

function everyInterval(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

interface Wheel<T> {
  /** the slots in turn, so that each holds as many as the others */
  nextSlot(): number;
  add(item: T, slot: number): void;
  remove(item: T, slot: number): void;
  /** one slot further; each item is given once in a whole turn */
  turn(): readonly T[];
}

function createWheel<T>(slotCount: number): Wheel<T> {
  const slots = Array.from({ length: Math.max(1, slotCount) }, () => new Set<T>());
  const slotAt = (at: number) => slots[at % slots.length] ?? new Set<T>();
  let hand = 0;
  let next = 0;
  return {
    nextSlot: () => next++ % slots.length,
    add: (item, slot) => void slotAt(slot).add(item),
    remove: (item, slot) => void slotAt(slot).delete(item),
    turn: () => [...slotAt(++hand)],
  };
}
