/** The second part of a connection: requests and replies, one after the other. */
import type { Channel } from './channel.ts';
import { ClientGone } from './channel.ts';
import { errorNumber, type NbdExport } from './export.ts';
import { ALLOCATION_ID, type Agreement } from './negotiation.ts';
import {
  CHUNK,
  CHUNK_DONE,
  COMMAND,
  COMMAND_FLAG,
  MAGIC,
  MAXIMUM_PAYLOAD,
  NBD_ERROR,
  REQUEST_BYTES,
  STATUS,
} from './protocol.ts';

/** Bytes that are read or written at once; between pieces the host does its other work. */
const PIECE = 1024 * 1024;
/** Runs told in one answer about holes. */
const MAXIMUM_RUNS = 1024;

interface Request {
  readonly flags: number;
  readonly command: number;
  readonly cookie: bigint;
  readonly offset: number;
  readonly length: number;
}

/** Serves requests until the client disconnects. @throws ClientGone also for a client that does not keep to the protocol. */
export async function transmit(channel: Channel, agreement: Agreement): Promise<void> {
  const connection = new Transmission(channel, agreement);
  while (await connection.serve());
}

const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Transmission {
  readonly #channel: Channel;
  readonly #disk: NbdExport;
  readonly #structured: boolean;
  readonly #allocation: boolean;

  constructor(channel: Channel, { disk, structured, allocation }: Agreement) {
    this.#channel = channel;
    this.#disk = disk;
    this.#structured = structured;
    this.#allocation = allocation;
  }

  /** @returns false when the client said goodbye. */
  async serve(): Promise<boolean> {
    const header = await this.#channel.receive(REQUEST_BYTES, true);
    if (header.readUInt32BE(0) !== MAGIC.request) throw new ClientGone();
    const request: Request = {
      flags: header.readUInt16BE(4),
      command: header.readUInt16BE(6),
      cookie: header.readBigUInt64BE(8),
      // Beyond 2^53 low bits are lost, but no disk is as large as that.
      offset: Number(header.readBigUInt64BE(16)),
      length: header.readUInt32BE(24),
    };
    if (request.command === COMMAND.disconnect) return false;
    if (request.command === COMMAND.write) await this.#write(request);
    else {
      const refused = this.#refusal(request);
      if (refused === undefined) await this.#carryOut(request);
      else await this.#simple(request, refused);
    }
    return true;
  }

  /** The error for a request that cannot be served, judged by its header. */
  #refusal({ command, flags, offset, length }: Request): number | undefined {
    const { size, readOnly } = this.#disk;
    const allowed: Readonly<Record<number, number>> = {
      [COMMAND.read]: COMMAND_FLAG.df | COMMAND_FLAG.fua,
      [COMMAND.write]: COMMAND_FLAG.fua,
      [COMMAND.flush]: COMMAND_FLAG.fua,
      [COMMAND.trim]: COMMAND_FLAG.fua,
      [COMMAND.writeZeroes]: COMMAND_FLAG.fua | COMMAND_FLAG.noHole,
      [COMMAND.blockStatus]: COMMAND_FLAG.reqOne,
    };
    const known = allowed[command];
    if (known === undefined || (flags & ~known) !== 0) return NBD_ERROR.invalid;
    if (command === COMMAND.blockStatus && !this.#allocation) return NBD_ERROR.invalid;
    if (command === COMMAND.flush) return offset === 0 && length === 0 ? undefined : NBD_ERROR.invalid;
    const writes = command === COMMAND.write || command === COMMAND.trim || command === COMMAND.writeZeroes;
    if (writes && readOnly) return NBD_ERROR.permission;
    if (length === 0) return NBD_ERROR.invalid;
    if (offset + length > size) return writes && command !== COMMAND.trim ? NBD_ERROR.noSpace : NBD_ERROR.invalid;
    if (command === COMMAND.read && length > MAXIMUM_PAYLOAD) return NBD_ERROR.overflow;
    if (command === COMMAND.read && (flags & COMMAND_FLAG.df) !== 0 && length > PIECE) return NBD_ERROR.overflow;
    return undefined;
  }

  async #carryOut(request: Request): Promise<void> {
    switch (request.command) {
      case COMMAND.read:
        return await (this.#structured ? this.#readStructured(request) : this.#readSimple(request));
      case COMMAND.blockStatus:
        return await this.#blockStatus(request);
      default:
        return await this.#simple(request, await this.#attempt(() => this.#change(request)));
    }
  }

  /** Flush, trim and zeros. */
  async #change({ command, offset, length, flags }: Request): Promise<void> {
    if (command === COMMAND.trim) this.#disk.trim(offset, length);
    if (command === COMMAND.writeZeroes) {
      const zeros = new Uint8Array(Math.min(length, PIECE));
      for (let done = 0; done < length; done += PIECE) {
        this.#disk.write(offset + done, zeros.subarray(0, Math.min(PIECE, length - done)));
        await breath();
      }
    }
    if (command === COMMAND.flush || (flags & COMMAND_FLAG.fua) !== 0) this.#disk.flush();
  }

  async #attempt(action: () => void | Promise<void>): Promise<number> {
    try {
      await action();
      return NBD_ERROR.none;
    } catch (error) {
      return errorNumber(error);
    }
  }

  /** The data is taken from the line whatever becomes of it. */
  async #write(request: Request): Promise<void> {
    const { offset, length, flags } = request;
    // Nobody may send as much as that; reading on would only keep the line busy.
    if (length > MAXIMUM_PAYLOAD) throw new ClientGone();
    let result = this.#refusal(request) ?? NBD_ERROR.none;
    for (let done = 0; done < length; done += PIECE) {
      const piece = await this.#channel.receive(Math.min(PIECE, length - done));
      if (result === NBD_ERROR.none) result = await this.#attempt(() => this.#disk.write(offset + done, piece));
    }
    if (result === NBD_ERROR.none && (flags & COMMAND_FLAG.fua) !== 0) {
      result = await this.#attempt(() => this.#disk.flush());
    }
    await this.#simple(request, result);
  }

  async #simple({ cookie }: Request, error: number, data?: Uint8Array): Promise<void> {
    if (this.#structured) {
      if (error === NBD_ERROR.none) return await this.#chunk(cookie, CHUNK.none, true);
      const content = Buffer.alloc(6);
      content.writeUInt32BE(error, 0);
      return await this.#chunk(cookie, CHUNK.error, true, content);
    }
    const header = Buffer.alloc(16);
    header.writeUInt32BE(MAGIC.simpleReply, 0);
    header.writeUInt32BE(error, 4);
    header.writeBigUInt64BE(cookie, 8);
    await this.#channel.send(header, ...(data === undefined ? [] : [data]));
  }

  async #chunk(cookie: bigint, type: number, done: boolean, ...content: readonly Uint8Array[]): Promise<void> {
    const header = Buffer.alloc(20);
    header.writeUInt32BE(MAGIC.structuredReply, 0);
    header.writeUInt16BE(done ? CHUNK_DONE : 0, 4);
    header.writeUInt16BE(type, 6);
    header.writeBigUInt64BE(cookie, 8);
    header.writeUInt32BE(
      content.reduce((sum, { length }) => sum + length, 0),
      16,
    );
    await this.#channel.send(header, ...content);
  }

  async #readSimple(request: Request): Promise<void> {
    const { offset, length } = request;
    for (let done = 0; done < length; done += PIECE) {
      const piece = new Uint8Array(Math.min(PIECE, length - done));
      const error = await this.#attempt(() => this.#disk.read(offset + done, piece));
      if (done === 0) await this.#simple(request, error, error === NBD_ERROR.none ? piece : undefined);
      // After the header has promised data there is no way to tell of an error but to hang up.
      else if (error === NBD_ERROR.none) await this.#channel.send(piece);
      else throw new ClientGone();
      if (error !== NBD_ERROR.none) return;
    }
  }

  async #readStructured(request: Request): Promise<void> {
    const { cookie, offset, length, flags } = request;
    const whole = (flags & COMMAND_FLAG.df) !== 0;
    for (let done = 0; done < length;) {
      const at = Buffer.alloc(8);
      at.writeBigUInt64BE(BigInt(offset + done), 0);
      let hole = 0;
      let piece: Uint8Array = new Uint8Array();
      const error = await this.#attempt(() => {
        const extent = this.#disk.extent(offset + done, length - done);
        if (extent.zero && !whole) {
          hole = extent.length;
          return;
        }
        piece = new Uint8Array(whole ? length : Math.min(PIECE, extent.length));
        this.#disk.read(offset + done, piece);
      });
      if (error !== NBD_ERROR.none) return await this.#simple(request, error);
      const count = hole || piece.length;
      done += count;
      const last = done >= length;
      if (hole > 0) {
        const size = Buffer.alloc(4);
        size.writeUInt32BE(hole, 0);
        await this.#chunk(cookie, CHUNK.offsetHole, last, at, size);
      } else await this.#chunk(cookie, CHUNK.offsetData, last, at, piece);
    }
  }

  async #blockStatus(request: Request): Promise<void> {
    const { cookie, offset, length, flags } = request;
    const runs: { length: number; status: number }[] = [];
    const error = await this.#attempt(async () => {
      for (let done = 0, looks = 0; done < length && looks < MAXIMUM_RUNS; looks++) {
        const extent = this.#disk.extent(offset + done, length - done);
        const status = extent.zero ? STATUS.hole | STATUS.zero : 0;
        const before = runs.at(-1);
        if (before?.status === status) before.length += extent.length;
        else if (before !== undefined && (flags & COMMAND_FLAG.reqOne) !== 0) break;
        else runs.push({ length: extent.length, status });
        done += extent.length;
        if (looks % 64 === 63) await breath();
      }
    });
    if (error !== NBD_ERROR.none) return await this.#simple(request, error);
    const content = Buffer.alloc(4 + runs.length * 8);
    content.writeUInt32BE(ALLOCATION_ID, 0);
    for (const [index, run] of runs.entries()) {
      content.writeUInt32BE(run.length, 4 + index * 8);
      content.writeUInt32BE(run.status, 8 + index * 8);
    }
    await this.#chunk(cookie, CHUNK.blockStatus, true, content);
  }
}
