/** All emulators, in the order of the report. */
import type { Peer } from '../types.ts';
import { native } from './native.ts';
import { qemu } from './qemu.ts';
import { v86, v86WithoutJit } from './v86.ts';
import { virtualserver, virtualserverInterpreter } from './virtualserver.ts';

export const PEERS: readonly Peer[] = [virtualserver, virtualserverInterpreter, v86, v86WithoutJit, qemu, native];

/** The emulator that the others are compared with. */
export const BASE = virtualserver.id;
