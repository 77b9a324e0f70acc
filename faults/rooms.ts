// Room for the records of one check, on the shared servers or in a file of its own, and none left when the run ends before it.

import { type Engine, makeRoom, type Room } from '../test/support/servers.ts';

const rooms = new Set<Room>();
const LEAVING_MS = 5_000;

export async function openRoom(engine: Engine): Promise<Room> {
  const made = await makeRoom(engine);
  const room: Room = {
    url: made.url,
    async remove() {
      rooms.delete(room);
      await made.remove();
    },
  };
  rooms.add(room);
  return room;
}

/** Removes what is left, as far as its server answers. */
export async function leaveNoRooms(): Promise<void> {
  const leaving = Promise.allSettled([...rooms].map((room) => room.remove()));
  await Promise.race([leaving, new Promise((done) => setTimeout(done, LEAVING_MS).unref())]);
}
