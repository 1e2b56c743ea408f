/** Numbers of the NBD protocol. Source: "The NBD protocol" (doc/proto.md of the Network Block Device project), newstyle with fixed negotiation. */

export const MAGIC = {
  /** `NBDMAGIC`. */
  hello: 0x4e42444d41474943n,
  /** `IHAVEOPT`. */
  option: 0x49484156454f5054n,
  optionReply: 0x0003e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
  structuredReply: 0x668e33ef,
} as const;

export const HANDSHAKE = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const OPTION = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const REPLY = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: 0x80000001,
  invalid: 0x80000003,
  unknown: 0x80000006,
  tooBig: 0x80000009,
} as const;

export const INFO = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

/** Transmission flags: what an export can do. */
export const EXPORT_FLAG = {
  hasFlags: 1,
  readOnly: 2,
  sendFlush: 4,
  sendFua: 8,
  sendTrim: 32,
  sendWriteZeroes: 64,
  sendDf: 128,
  canMultiConn: 256,
} as const;

export const COMMAND = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const COMMAND_FLAG = { fua: 1, noHole: 2, df: 4, reqOne: 8 } as const;

export const CHUNK = { none: 0, offsetData: 1, offsetHole: 2, blockStatus: 5, error: 0x8001 } as const;
export const CHUNK_DONE = 1;

/** Status flags of the context `base:allocation`. */
export const STATUS = { hole: 1, zero: 2 } as const;

/** Error numbers as the protocol gives them. */
export const NBD_ERROR = {
  none: 0,
  permission: 1,
  io: 5,
  invalid: 22,
  noSpace: 28,
  overflow: 75,
  notSupported: 95,
  shutdown: 108,
} as const;

/** Bytes of a request header. */
export const REQUEST_BYTES = 28;
/** Bytes that one read or write may have; the protocol lets clients count on this much without asking. */
export const MAXIMUM_PAYLOAD: number = 32 * 1024 * 1024;
/** The port that IANA gave to NBD. */
export const DEFAULT_PORT = 10_809;
