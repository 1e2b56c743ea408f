/** Disks for the block-device tools of the host, over the NBD protocol. */
export { exportOfImage, type NbdExport } from './export.ts';
export { DEFAULT_PORT } from './protocol.ts';
export { NbdServer, type NbdAddress, type NbdServerOptions } from './server.ts';
