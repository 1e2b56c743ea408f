/** The first part of a connection: client and server agree on an export and on the form of replies. */
import type { Channel } from './channel.ts';
import { ClientGone } from './channel.ts';
import type { NbdExport } from './export.ts';
import { EXPORT_FLAG, HANDSHAKE, INFO, MAGIC, MAXIMUM_PAYLOAD, OPTION, REPLY } from './protocol.ts';

/** What both sides agreed on. */
export interface Agreement {
  readonly disk: NbdExport;
  readonly structured: boolean;
  /** The client wants to know about holes (`base:allocation`). */
  readonly allocation: boolean;
}

/** The number of the one context there is. */
export const ALLOCATION_ID = 1;
const ALLOCATION = 'base:allocation';
/** Bytes of an option's data that are looked at; names have at most 4096. */
const MAXIMUM_OPTION = 65_536;
/** Longer ones are not even skipped. */
const MAXIMUM_SKIPPED = 1024 * 1024;
const MAXIMUM_OPTIONS = 256;
const MAXIMUM_NAME = 4096;

export function transmissionFlags(disk: NbdExport, structured: boolean): number {
  const { hasFlags, readOnly, sendFlush, sendFua, sendTrim, sendWriteZeroes, sendDf, canMultiConn } = EXPORT_FLAG;
  // All connections share one image, so what one has flushed every other sees.
  const always = hasFlags | sendFlush | canMultiConn | (structured ? sendDf : 0);
  return disk.readOnly ? always | readOnly : always | sendFua | sendTrim | sendWriteZeroes;
}

/**
 * @returns undefined when the client only wanted to look.
 * @throws ClientGone also for a client that does not keep to the protocol.
 */
export async function negotiate(channel: Channel, exports: readonly NbdExport[]): Promise<Agreement | undefined> {
  const hello = Buffer.alloc(18);
  hello.writeBigUInt64BE(MAGIC.hello, 0);
  hello.writeBigUInt64BE(MAGIC.option, 8);
  hello.writeUInt16BE(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes, 16);
  await channel.send(hello);
  const clientFlags = (await channel.receive(4)).readUInt32BE(0);
  if ((clientFlags & ~(HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes)) !== 0) throw new ClientGone();
  const noZeroes = (clientFlags & HANDSHAKE.noZeroes) !== 0;
  return await new Negotiation(channel, exports, noZeroes).run();
}

class Negotiation {
  readonly #channel: Channel;
  readonly #exports: readonly NbdExport[];
  readonly #noZeroes: boolean;
  #structured = false;
  /** The export for which `base:allocation` was chosen; a choice for one says nothing about others. */
  #allocationOf: NbdExport | undefined;

  constructor(channel: Channel, exports: readonly NbdExport[], noZeroes: boolean) {
    this.#channel = channel;
    this.#exports = exports;
    this.#noZeroes = noZeroes;
  }

  async run(): Promise<Agreement | undefined> {
    for (let count = 0; count < MAXIMUM_OPTIONS; count++) {
      const header = await this.#channel.receive(16);
      if (header.readBigUInt64BE(0) !== MAGIC.option) throw new ClientGone();
      const option = header.readUInt32BE(8);
      const length = header.readUInt32BE(12);
      if (length > MAXIMUM_SKIPPED) throw new ClientGone();
      if (length > MAXIMUM_OPTION) {
        await this.#channel.discard(length);
        if (option === OPTION.exportName) throw new ClientGone();
        await this.#reply(option, REPLY.tooBig);
        continue;
      }
      const data = await this.#channel.receive(length);
      switch (option) {
        case OPTION.exportName:
          return await this.#exportName(data);
        case OPTION.abort:
          await this.#reply(option, REPLY.ack);
          return undefined;
        case OPTION.list:
          await this.#list(data);
          break;
        case OPTION.info:
        case OPTION.go: {
          const disk = await this.#info(option, data);
          if (disk !== undefined && option === OPTION.go) return this.#agree(disk);
          break;
        }
        case OPTION.structuredReply:
          if (length === 0) this.#structured = true;
          await this.#reply(option, length === 0 ? REPLY.ack : REPLY.invalid);
          break;
        case OPTION.listMetaContext:
        case OPTION.setMetaContext:
          await this.#metaContext(option, data);
          break;
        default:
          await this.#reply(option, REPLY.unsupported);
      }
    }
    throw new ClientGone();
  }

  #agree(disk: NbdExport): Agreement {
    return { disk, structured: this.#structured, allocation: this.#structured && this.#allocationOf === disk };
  }

  /** The empty name means the first export. */
  #find(name: string): NbdExport | undefined {
    return name === '' ? this.#exports[0] : this.#exports.find((disk) => disk.name === name);
  }

  async #reply(option: number, type: number, data: Uint8Array = new Uint8Array()): Promise<void> {
    const header = Buffer.alloc(20);
    header.writeBigUInt64BE(MAGIC.optionReply, 0);
    header.writeUInt32BE(option, 8);
    header.writeUInt32BE(type >>> 0, 12);
    header.writeUInt32BE(data.length, 16);
    await this.#channel.send(header, data);
  }

  /** The old way to choose; there is no reply for a name that does not exist. */
  async #exportName(data: Buffer): Promise<Agreement> {
    const disk = this.#find(data.toString());
    if (disk === undefined) throw new ClientGone();
    const answer = Buffer.alloc(this.#noZeroes ? 10 : 134);
    answer.writeBigUInt64BE(BigInt(disk.size), 0);
    answer.writeUInt16BE(transmissionFlags(disk, this.#structured), 8);
    await this.#channel.send(answer);
    return this.#agree(disk);
  }

  async #list(data: Buffer): Promise<void> {
    if (data.length !== 0) return await this.#reply(OPTION.list, REPLY.invalid);
    for (const disk of this.#exports) {
      const name = Buffer.from(disk.name);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(name.length, 0);
      await this.#reply(OPTION.list, REPLY.server, Buffer.concat([length, name, Buffer.from(disk.description)]));
    }
    await this.#reply(OPTION.list, REPLY.ack);
  }

  async #info(option: number, data: Buffer): Promise<NbdExport | undefined> {
    const fields = new Fields(data);
    const name = fields.text();
    const requests = fields.count16();
    if (name === undefined || requests === undefined || data.length !== fields.at + 2 * requests) {
      await this.#reply(option, REPLY.invalid);
      return undefined;
    }
    const disk = this.#find(name);
    if (disk === undefined) {
      await this.#reply(option, REPLY.unknown, Buffer.from('there is no export of this name'));
      return undefined;
    }
    const wanted = new Set(Array.from({ length: requests }, (_, i) => data.readUInt16BE(fields.at + 2 * i)));
    const state = Buffer.alloc(12);
    state.writeUInt16BE(INFO.export, 0);
    state.writeBigUInt64BE(BigInt(disk.size), 2);
    state.writeUInt16BE(transmissionFlags(disk, this.#structured), 10);
    await this.#reply(option, REPLY.info, state);
    const text = async (kind: number, value: string): Promise<void> => {
      if (!wanted.has(kind)) return;
      await this.#reply(option, REPLY.info, Buffer.concat([Buffer.of(kind >> 8, kind & 0xff), Buffer.from(value)]));
    };
    await text(INFO.name, disk.name);
    await text(INFO.description, disk.description);
    if (wanted.has(INFO.blockSize)) {
      const sizes = Buffer.alloc(14);
      sizes.writeUInt16BE(INFO.blockSize, 0);
      // Smallest, best and largest request.
      sizes.writeUInt32BE(1, 2);
      sizes.writeUInt32BE(4096, 6);
      sizes.writeUInt32BE(MAXIMUM_PAYLOAD, 10);
      await this.#reply(option, REPLY.info, sizes);
    }
    await this.#reply(option, REPLY.ack);
    return disk;
  }

  async #metaContext(option: number, data: Buffer): Promise<void> {
    const fields = new Fields(data);
    const name = fields.text();
    const count = fields.count32();
    const queries: string[] = [];
    for (let i = 0; count !== undefined && i < Math.min(count, MAXIMUM_OPTION / 4); i++) {
      const query = fields.text();
      if (query === undefined) break;
      queries.push(query);
    }
    const isSet = option === OPTION.setMetaContext;
    if (isSet) this.#allocationOf = undefined;
    if (!this.#structured || name === undefined || queries.length !== count || fields.at !== data.length) {
      return await this.#reply(option, REPLY.invalid);
    }
    const disk = this.#find(name);
    if (disk === undefined) return await this.#reply(option, REPLY.unknown);
    const all = !isSet && queries.length === 0;
    const matches = queries.some((query) => query === ALLOCATION || (!isSet && query === 'base:'));
    if (all || matches) {
      if (isSet) this.#allocationOf = disk;
      const id = Buffer.alloc(4);
      id.writeUInt32BE(isSet ? ALLOCATION_ID : 0, 0);
      await this.#reply(option, REPLY.metaContext, Buffer.concat([id, Buffer.from(ALLOCATION)]));
    }
    await this.#reply(option, REPLY.ack);
  }
}

/** Fields of an option's data, one after the other; undefined when the data ends before. */
class Fields {
  at = 0;
  readonly #data: Buffer;

  constructor(data: Buffer) {
    this.#data = data;
  }

  count32(): number | undefined {
    if (this.at + 4 > this.#data.length) return undefined;
    this.at += 4;
    return this.#data.readUInt32BE(this.at - 4);
  }

  count16(): number | undefined {
    if (this.at + 2 > this.#data.length) return undefined;
    this.at += 2;
    return this.#data.readUInt16BE(this.at - 2);
  }

  text(): string | undefined {
    const length = this.count32();
    if (length === undefined || length > MAXIMUM_NAME || this.at + length > this.#data.length) return undefined;
    this.at += length;
    return this.#data.toString('utf8', this.at - length, this.at);
  }
}
