/** What a machine gets from Node. */
import { createProcessor } from '../../cpu/index.ts';
import { loadFirmware } from '../firmware/node-loader.ts';
import { nodeNetworkServices } from '../network/node-services.ts';
import type { MachineHostServices } from './host-services.ts';
import { resolve } from 'node:path';
import { endUndoSession, recoverUndoSession, undoPathFor } from '../disks/index.ts';
import { nodeOpener } from './node-media.ts';
import { nodeStateFiles } from './node-state-files.ts';

export const nodeServices: MachineHostServices = {
  opener: nodeOpener,
  createProcessor,
  loadFirmware,
  network: nodeNetworkServices,
  stateFiles: nodeStateFiles,
  undo: {
    end: endUndoSession,
    recover: ({ path, undoPath, mode }) => {
      if (path !== undefined && (mode === 'undo' || mode === 'auto'))
        recoverUndoSession(undoPath ?? undoPathFor(resolve(path)));
    },
  },
  hostTime: () => performance.now(),
  wallClock: () => Date.now(),
  zoneMinutes: () => -new Date().getTimezoneOffset(),
};
