/** All emulators; the first is the one that the others are compared with. */
import type { Peer } from '../types.ts';
import { qemu } from './qemu.ts';
import { v86, v86WithoutJit } from './v86.ts';
import { virtualserver } from './virtualserver.ts';

export const PEERS: readonly Peer[] = [virtualserver, v86, v86WithoutJit, qemu];
