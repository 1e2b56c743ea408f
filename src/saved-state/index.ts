/** Saved states: the file format. What goes into one is decided in src/machine. */
export { crc32, pureCompression, type Compression } from './compression.ts';
export { SavedStateError, SavedStateErrorCode, type SavedStateErrorDetail } from './errors.ts';
export { BLOCK_BYTES, detectState, FORMAT, HEADER_BYTES, MAGIC, type StateKind } from './format.ts';
export { StateReader, type SavedMemory } from './reader.ts';
export { parseState, stringifyState, type StateObject, type StateValue } from './values.ts';
export { bytesSource, fileSource, StateWriter, type BlockSource } from './writer.ts';
