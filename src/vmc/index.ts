/** Machine configuration files (`.vmc`). */
export type * from './configuration.ts';
export { VmcDocument, type VmcLeaf, type VmcType, type VmcValue } from './document.ts';
export { PRODUCT_ENCODING, type TextEncoding } from './encoding.ts';
export { VmcError, VmcErrorCode, type VmcErrorDetail } from './errors.ts';
export { decodeGuestClock, type GuestClock } from './guest-clock.ts';
export { loadVmc, parseVmc, saveVmc, type LoadedVmc } from './load.ts';
export { listNotEmulated, listUnknownKeys, type EmulatedFeatures, type NotEmulated } from './not-emulated.ts';
export { parseVnc, readVnc, writeVnc, type VncConfiguration } from './virtual-network.ts';
export { candidatePaths, locateImage, outputPath, resolvePath, storedPath, type PathOptions } from './paths.ts';
export { CMOS_FIRST_INDEX, machineName, MAXIMUM_MEMORY_MIB, readConfiguration, type ReadResult } from './read.ts';
