/**
 * virtualserver as a library, for Node. A page imports `virtualserver/browser`.
 *
 * ```ts
 * import { createMachine } from 'virtualserver';
 *
 * await using vm = createMachine({ memoryMiB: 64, hda: 'dos.vhd' });
 * vm.on('vm.state.changed', (event) => console.log(event.data.state));
 * await vm.start();
 * await vm.screen.waitForText('C:\\>');
 * await vm.keyboard.type('dir\n');
 * await writeFile('dir.png', await vm.screenshot());
 * ```
 */
export { createMachine } from './machine/create-machine.ts';
export { ErrorCode, VirtualServerError } from './machine/errors.ts';
export { checkConfiguration } from './machine/configuration.ts';
export { VirtualNetwork } from './network/virtual-network.ts';
export { openLeases, openSink } from './network/node-files.ts';
export type * from './machine/api.ts';
export type * from './machine/configuration.ts';
export type * from './machine/events.ts';
export type { AdapterStatistics } from './machine/adapter-wire.ts';
export type * from './network/configuration.ts';
export type { NetworkPlug, VirtualNetworkOptions } from './network/virtual-network.ts';
