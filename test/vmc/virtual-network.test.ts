import { describe, expect, it } from 'vitest';
import { VmcDocument, VmcError, parseVnc, readVnc, writeVnc } from '../../src/vmc/index.ts';

const DHCP = {
  network: '10.244.0.0',
  mask: '255.255.255.0',
  start: '10.244.0.16',
  end: '10.244.0.254',
  serverAddress: '10.244.0.1',
  gateway: '10.244.0.1',
  dnsServers: ['10.1.1.1', '10.1.1.2'],
  winsServers: [],
  leaseSeconds: 3600,
  renewalSeconds: 1800,
  rebindingSeconds: 2700,
};
const ID = Uint8Array.from({ length: 16 }, (_, i) => i * 3);

function bytesOf(keys: Record<string, string>): Uint8Array {
  const elements = Object.entries(keys).map(([name, value]) => `<${name} type="string">${value}</${name}>`);
  const text = `<?xml version="1.0" encoding="UTF-8"?><preferences><version type="string">2.0</version>
    <virtual_network><name type="string">Lab</name><dhcp><enabled type="boolean">true</enabled>
    ${elements.join('')}</dhcp></virtual_network></preferences>`;
  return new TextEncoder().encode(text);
}

describe('virtual network files', () => {
  it('say again what was written, and keep what they do not know', () => {
    const document = VmcDocument.create('lab.vnc');
    document.set('virtual_network/colour', { type: 'string', value: 'blue' });
    const network = { name: 'Lab & more', id: ID, notes: 'first\nsecond', hostAdapter: '', dhcp: DHCP };
    writeVnc(document, network);
    const again = VmcDocument.parse(document.toBytes(), 'lab.vnc');
    const { winsServers: _, ...dhcp } = DHCP;
    expect(readVnc(again)).toEqual({ ...network, dhcp });
    expect(again.string('virtual_network/colour')).toBe('blue');
  });

  it('without a DHCP server say so', () => {
    const document = VmcDocument.create('lab.vnc');
    writeVnc(document, {
      name: 'External',
      id: undefined,
      notes: '',
      hostAdapter: 'Intel(R) PRO/100',
      dhcp: undefined,
    });
    expect(parseVnc(document.toBytes(), 'lab.vnc')).toMatchObject({ hostAdapter: 'Intel(R) PRO/100', dhcp: undefined });
  });

  it('with a range that the rules forbid name the key', () => {
    for (const [key, value] of [
      ['first_address', '10.237.0.15'],
      ['server_address', '10.237.0.99'],
      ['dns_servers', '1.2.3.4; here'],
    ] as const) {
      let error: unknown;
      try {
        parseVnc(bytesOf({ [key]: value }), 'lab.vnc');
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(VmcError);
      expect((error as VmcError).key).toBe(`virtual_network/dhcp/${key}`);
    }
  });

  it('need a name', () => {
    expect(() => readVnc(VmcDocument.create('lab.vnc'))).toThrow(/no name/);
  });
});
