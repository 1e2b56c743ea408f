/** A TFTP server for network boots, reading only (RFC 1350; options of RFC 2347, 2348, 2349 and 7440). */
import type { Alarm, Clock } from '../../devices/clock.ts';
import type { IpHost } from './ip-host.ts';
import { write16 } from './packet.ts';

/** A file to send. */
export interface TftpFile {
  readonly size: number;
  read(offset: number, length: number): Uint8Array;
  close(): void;
}

/** Finds files by the names that clients ask for. @returns undefined if there is no such file, or it is not to be had */
export type TftpFiles = (name: string) => TftpFile | undefined;

const TFTP_PORT = 69;
const Opcode = { ReadRequest: 1, WriteRequest: 2, Data: 3, Acknowledgement: 4, Error: 5, OptionAck: 6 } as const;
const ErrorCode = { NotFound: 1, AccessViolation: 2, IllegalOperation: 4 } as const;
const DEFAULT_BLOCK = 512;
/** What fits a frame without fragments. */
const MAX_BLOCK = 1468;
const MIN_BLOCK = 8;
const MAX_WINDOW = 64;
const RETRY_NS = 1e9;
const MAX_RETRIES = 5;
const MAX_TRANSFERS = 64;
const FIRST_PORT = 32_768;
const PORTS = 8192;

interface Transfer {
  readonly file: TftpFile;
  readonly client: number;
  readonly clientPort: number;
  readonly local: number;
  readonly port: number;
  readonly block: number;
  readonly window: number;
  readonly alarm: Alarm;
  /** Blocks acknowledged; blocks are counted beyond 16 bits here. */
  acknowledged: number;
  /** The answer to the options waits for its acknowledgement. */
  greeting: Uint8Array | undefined;
  retries: number;
}

/** Strings that end with zeros. */
function strings(bytes: Uint8Array): string[] {
  const text = new TextDecoder('latin1').decode(bytes);
  return text.split('\0').slice(0, -1);
}

export class TftpServer {
  readonly #clock: Clock;
  readonly #host: IpHost;
  readonly #files: TftpFiles;
  readonly #transfers = new Map<number, Transfer>();
  #nextPort = 0;
  /** Bytes of files sent. */
  bytesSent = 0;

  constructor(clock: Clock, host: IpHost, files: TftpFiles) {
    this.#clock = clock;
    this.#host = host;
    this.#files = files;
    host.serve(TFTP_PORT, ({ sourcePort, data }, { source, destination }) =>
      this.#request(data, source, sourcePort, host.isOwn(destination) ? destination : host.address),
    );
  }

  #request(data: Uint8Array, client: number, clientPort: number, local: number): void {
    if (data.length < 4) return;
    const opcode = (data[0]! << 8) | data[1]!;
    const refuse = (code: number, message: string): void =>
      this.#error(local, TFTP_PORT, client, clientPort, code, message);
    if (opcode === Opcode.WriteRequest) return refuse(ErrorCode.AccessViolation, 'read only');
    if (opcode !== Opcode.ReadRequest) return;
    const [name = '', , ...options] = strings(data.subarray(2));
    if (this.#transfers.size >= MAX_TRANSFERS) return;
    // A client that asks twice has not heard the first answer.
    for (const transfer of this.#transfers.values())
      if (transfer.client === client && transfer.clientPort === clientPort) this.#end(transfer);
    const file = this.#files(name);
    if (!file) return refuse(ErrorCode.NotFound, 'no such file');
    this.#start(file, options, client, clientPort, local);
  }

  #start(file: TftpFile, options: readonly string[], client: number, clientPort: number, local: number): void {
    let block = DEFAULT_BLOCK;
    let window = 1;
    const accepted: string[] = [];
    for (let i = 0; i + 1 < options.length; i += 2) {
      const name = options[i]!.toLowerCase();
      const value = Number(options[i + 1]);
      if (name === 'blksize' && value >= MIN_BLOCK) {
        block = Math.min(Math.floor(value), MAX_BLOCK);
        accepted.push(name, String(block));
      } else if (name === 'windowsize' && value >= 1) {
        window = Math.min(Math.floor(value), MAX_WINDOW);
        accepted.push(name, String(window));
      } else if (name === 'tsize') {
        accepted.push(name, String(file.size));
      }
    }
    let port = FIRST_PORT + (this.#nextPort++ % PORTS);
    while (this.#transfers.has(port)) port = FIRST_PORT + (this.#nextPort++ % PORTS);
    const alarm = this.#clock.alarm(`tftp ${port}`, () => this.#retry(transfer));
    const greeting =
      accepted.length > 0 ? message(Opcode.OptionAck, accepted.map((text) => `${text}\0`).join('')) : undefined;
    const transfer: Transfer = {
      file,
      client,
      clientPort,
      local,
      port,
      block,
      window,
      alarm,
      acknowledged: 0,
      greeting,
      retries: 0,
    };
    this.#transfers.set(port, transfer);
    this.#host.serve(port, (datagram, { source }) => {
      if (source === client && datagram.sourcePort === clientPort) this.#answer(transfer, datagram.data);
    });
    this.#send(transfer);
  }

  /** Blocks of the file, the last of which is shorter than the others, and empty if need be. */
  #blocks({ file, block }: Transfer): number {
    return Math.floor(file.size / block) + 1;
  }

  #send(transfer: Transfer): void {
    const { file, local, port, client, clientPort, block, window, acknowledged, greeting } = transfer;
    const send = (data: Uint8Array): void =>
      this.#host.sendUdp(local, client, { sourcePort: port, destinationPort: clientPort, data });
    transfer.alarm.set(this.#clock.now() + RETRY_NS);
    if (greeting) return send(greeting);
    const last = Math.min(this.#blocks(transfer), acknowledged + window);
    for (let number = acknowledged + 1; number <= last; number++) {
      const part = file.read((number - 1) * block, Math.min(block, file.size - (number - 1) * block));
      const data = new Uint8Array(4 + part.length);
      write16(data, 0, Opcode.Data);
      write16(data, 2, number & 0xffff);
      data.set(part, 4);
      this.bytesSent += part.length;
      send(data);
    }
  }

  #answer(transfer: Transfer, data: Uint8Array): void {
    if (data.length < 4) return;
    const opcode = (data[0]! << 8) | data[1]!;
    if (opcode === Opcode.Error) return this.#end(transfer);
    if (opcode !== Opcode.Acknowledgement) return;
    const number = (data[2]! << 8) | data[3]!;
    if (transfer.greeting) {
      if (number !== 0) return;
      transfer.greeting = undefined;
    } else {
      // Which block within the window, or one before it.
      const ahead = (number - transfer.acknowledged) & 0xffff;
      if (ahead === 0 || ahead > transfer.window) return;
      transfer.acknowledged += ahead;
    }
    transfer.retries = 0;
    if (transfer.acknowledged >= this.#blocks(transfer)) return this.#end(transfer);
    this.#send(transfer);
  }

  #retry(transfer: Transfer): void {
    if (++transfer.retries > MAX_RETRIES) this.#end(transfer);
    else this.#send(transfer);
  }

  #error(local: number, port: number, client: number, clientPort: number, code: number, text: string): void {
    const body = message(Opcode.Error, `\0\0${text}\0`);
    write16(body, 2, code);
    this.#host.sendUdp(local, client, { sourcePort: port, destinationPort: clientPort, data: body });
  }

  #end(transfer: Transfer): void {
    transfer.alarm.cancel();
    transfer.file.close();
    this.#transfers.delete(transfer.port);
    this.#host.withdraw(transfer.port);
  }

  close(): void {
    for (const transfer of [...this.#transfers.values()]) this.#end(transfer);
  }
}

function message(opcode: number, text: string): Uint8Array {
  const body = new TextEncoder().encode(text);
  const bytes = new Uint8Array(2 + body.length);
  write16(bytes, 0, opcode);
  bytes.set(body, 2);
  return bytes;
}
