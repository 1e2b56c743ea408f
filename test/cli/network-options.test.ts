import { describe, expect, it } from 'vitest';
import { impairment, networkConnection, portForward, withNetwork } from '../../src/cli/network-options.ts';
import { checkConfiguration } from '../../src/machine/configuration.ts';

describe('--net', () => {
  it('takes every kind', () => {
    expect(['none', 'nat', 'internal', 'internal:Lab'].map(networkConnection)).toEqual([
      { kind: 'none' },
      { kind: 'nat' },
      { kind: 'internal' },
      { kind: 'internal', name: 'Lab' },
    ]);
    expect(
      ['stream:5555', 'stream:host:5555,listen', 'stream:/run/wire', 'stream:C:\\wire,listen'].map(networkConnection),
    ).toEqual([
      { kind: 'stream', port: 5555 },
      { kind: 'stream', host: 'host', port: 5555, listen: true },
      { kind: 'stream', path: '/run/wire' },
      { kind: 'stream', path: 'C:\\wire', listen: true },
    ]);
    expect(networkConnection('dgram:5000:10.0.0.9:5001')).toEqual({
      kind: 'dgram',
      local: { port: 5000 },
      remote: { host: '10.0.0.9', port: 5001 },
    });
    for (const text of ['', 'bridge', 'none:x', 'stream', 'stream:', 'dgram:5000', 'dgram:0:5001', 'NAT'])
      expect(() => networkConnection(text)).toThrow(/Use none/);
  });

  it('makes adapters, with addresses in their order', () => {
    const nat = networkConnection('nat');
    expect(withNetwork({}, {})).toEqual({});
    expect(withNetwork({}, { net: [nat, { kind: 'none' }], mac: ['00-03-FF-00-00-01'], netHost: true })).toEqual({
      network: [
        { macAddress: '00-03-FF-00-00-01', connection: { kind: 'nat', hostLoopback: true } },
        { connection: { kind: 'none' } },
      ],
    });
  });

  it('replaces the connections of a configuration and keeps its addresses', () => {
    const base = { network: [{ macAddress: '00-03-FF-00-00-09', connection: { kind: 'none' } as const }] };
    expect(withNetwork(base, { net: [{ kind: 'nat' }] }).network).toEqual([
      { macAddress: '00-03-FF-00-00-09', connection: { kind: 'nat' } },
    ]);
    expect(withNetwork(base, {}).network).toEqual(base.network);
  });

  it('with boot files alone is an internal network with a DHCP server', () => {
    expect(withNetwork({}, { pxe: '/boot' }).network).toEqual([
      { connection: { kind: 'internal', dhcp: {}, pxe: { folder: '/boot' } } },
    ]);
  });
});

it('forwards are read in every form', () => {
  expect(portForward('2222-22')).toEqual({ protocol: 'tcp', hostPort: 2222, guestPort: 22 });
  expect(portForward('udp:0.0.0.0:69-10.0.2.17:6969')).toEqual({
    protocol: 'udp',
    hostAddress: '0.0.0.0',
    hostPort: 69,
    guestAddress: '10.0.2.17',
    guestPort: 6969,
  });
  for (const text of ['22', '0-22', '22-70000', 'sctp:1-2', 'host:1-2']) expect(() => portForward(text)).toThrow(/Use/);
});

it('bad lines are read', () => {
  expect(impairment('loss=0.01,delay=5')).toEqual({ loss: 0.01, delayMs: 5 });
  for (const text of ['', 'loss', 'loss=-1', 'speed=9']) expect(() => impairment(text)).toThrow(/Use/);
});

describe('the configuration', () => {
  it('names what is wrong', () => {
    const wrong = [
      ['network', { network: [{}, {}, {}, {}, {}] }],
      ['network[0].macAddress', { network: [{ macAddress: '01-00-5E-00-00-01' }] }],
      [
        'network[0].connection.dhcp.start',
        { network: [{ connection: { kind: 'internal', dhcp: { start: '1.2.3.4' } } }] },
      ],
      ['network[0].connection.allow', { network: [{ connection: { kind: 'nat', allow: ['x'] } }] }],
      ['network[0].connection.kind', { network: [{ connection: { kind: 'bridge' } }] }],
      ['network[0].connection', { network: [{ connection: { kind: 'stream' } }] }],
      ['network[0].impairment.loss', { network: [{ impairment: { loss: 2 } }] }],
    ] as const;
    for (const [subject, configuration] of wrong) {
      let error: { subject?: string } = {};
      try {
        checkConfiguration(configuration as never);
      } catch (caught) {
        error = caught as { subject?: string };
      }
      expect(error.subject).toBe(subject);
    }
  });
});
