import { afterEach, describe, expect, it } from 'vitest';
import { Attachment, type View } from '../../src/cli/attachment.ts';
import { ANSI } from '../../src/cli/terminal/ansi.ts';
import { FakeMachine } from './fake-machine.ts';
import { FakeTerminal } from './fake-terminal.ts';

const PREFIX = '\x01';
const attachments: Attachment[] = [];
afterEach(() => {
  for (const attachment of attachments.splice(0)) attachment.detach();
});

async function attach(view: View = 'text', rows = 26, escape = 1) {
  const machine = new FakeMachine({ name: 'nt4' });
  machine.state = 'Running';
  const terminal = new FakeTerminal(80, rows);
  let pictures = 0;
  const attachment = new Attachment(machine.vm, terminal, {
    view,
    escape,
    statusLine: true,
    screenshot: () => Promise.resolve(`picture-${++pictures}.png`),
  });
  attachments.push(attachment);
  await terminal.settle();
  return { machine, terminal, attachment, calls: machine.calls };
}

describe('the screen', () => {
  it('appears, follows the guest, and names the escape key', async () => {
    const { machine, terminal } = await attach();
    expect(terminal.modes).toEqual(['screen']);
    expect(terminal.line(25)).toContain('Ctrl-A h for help');
    machine.print('Starting MS-DOS...');
    await terminal.settle();
    expect(terminal.line(0)).toBe('Starting MS-DOS...');
  });

  it('sends keys to the guest in order', async () => {
    const { terminal, calls } = await attach();
    await terminal.input('dI\r\x1b[A\x03');
    expect(calls).toEqual([
      'press KeyD',
      'press ShiftLeft KeyI',
      'press Enter',
      'press ArrowUp',
      'press ControlLeft KeyC',
    ]);
  });

  it('takes a lone ESC for the Escape key after a moment', async () => {
    const { terminal, calls } = await attach();
    await terminal.input('\x1b');
    expect(calls).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(calls).toEqual(['press Escape']);
  });

  it('enters characters without a key by Alt and the keypad', async () => {
    const { terminal, calls } = await attach();
    await terminal.input('é€');
    // é is 130 in code page 437; the euro is not in it.
    expect(calls).toEqual(['down AltLeft', 'press Numpad1', 'press Numpad3', 'press Numpad0', 'up AltLeft']);
  });

  it('types pasted text', async () => {
    const { terminal, calls } = await attach();
    await terminal.input('\x1b[200~copy a\nb €\x1b[201~');
    expect(calls).toEqual(['type copy a\nb ']);
  });

  it('uses releases where the terminal reports them, and lets nothing stay pressed', async () => {
    const { terminal, calls, attachment } = await attach();
    await terminal.input('\x1b[?0u');
    expect(terminal.written).toContain(ANSI.pushKittyKeyboard);
    await terminal.input('\x1b[57441;2u\x1b[97:65;2u\x1b[97:65;2:3u');
    expect(calls).toEqual(['down ShiftLeft', 'down KeyA', 'up KeyA']);
    attachment.detach();
    await terminal.settle();
    expect(calls.at(-1)).toBe('up ShiftLeft');
    expect(terminal.modes).toEqual(['screen', 'released']);
  });

  it('is drawn again after a change of size', async () => {
    const { machine, terminal } = await attach();
    machine.print('hello');
    terminal.resize(100, 30);
    await terminal.settle();
    expect(terminal.line(0)).toBe('hello');
    expect(terminal.line(29)).toContain('help');
  });

  it('leaves frames out while the terminal cannot follow', async () => {
    const { machine, terminal } = await attach();
    terminal.congested = true;
    const before = terminal.written.length;
    machine.print('one');
    machine.print('two');
    expect(terminal.written.length).toBe(before);
    terminal.congested = false;
    machine.print('three');
    await terminal.settle();
    expect(terminal.line(0)).toBe('three');
  });
});

describe('escape commands', () => {
  it.each([
    ['x', 'turnOff'],
    ['o', 'pressPowerButton'],
    ['p', 'pause'],
    ['r', 'reset'],
    ['k', 'press ControlLeft AltLeft Delete'],
    ['b', 'press ControlLeft Pause'],
    ['a', 'press ControlLeft KeyA'],
    [PREFIX, 'press ControlLeft KeyA'],
  ])('%j: %s', async (key, call) => {
    const { terminal, calls } = await attach();
    await terminal.input(PREFIX + key);
    expect(calls).toEqual([call]);
  });

  it('pause and go on', async () => {
    const { terminal, calls } = await attach();
    await terminal.input(`${PREFIX}p`);
    await terminal.input(`${PREFIX}p`);
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('work with keys that go down and up', async () => {
    const { terminal, calls } = await attach();
    await terminal.input('\x1b[?0u');
    await terminal.input('\x1b[57442;5u\x1b[97;5u\x1b[97;5:3u\x1b[57442;1:3u');
    await terminal.input('\x1b[114;1u\x1b[114;1:3u');
    expect(calls).toEqual(['down ControlLeft', 'up ControlLeft', 'reset']);
  });

  it('show a hint on the last row even where there is no status row', async () => {
    const { machine, terminal } = await attach('text', 25);
    machine.print(...Array.from({ length: 25 }, (_, row) => `row ${row}`));
    await terminal.input(PREFIX);
    expect(terminal.line(24)).toContain('Ctrl-A then');
    await terminal.input('a');
    expect(terminal.line(24)).toBe('row 24');
  });

  it('help covers the screen until a key is pressed, which the guest does not get', async () => {
    const { machine, terminal, calls } = await attach();
    machine.print('guest');
    await terminal.input(`${PREFIX}h`);
    expect(terminal.text).toContain('cut the power and leave');
    machine.print('guest 2');
    await terminal.settle();
    expect(terminal.text).not.toContain('guest 2');
    await terminal.input('q');
    expect(terminal.line(0)).toBe('guest 2');
    expect(calls).toEqual([]);
  });

  it('help gives way to the prefix, and the command behind it is done', async () => {
    const { terminal, calls } = await attach();
    await terminal.input(`${PREFIX}h`);
    await terminal.input(`${PREFIX}x`);
    expect(calls).toEqual(['turnOff']);
  });

  it('write screenshots and say where', async () => {
    const { terminal } = await attach();
    await terminal.input(`${PREFIX}v`);
    expect(terminal.line(25)).toContain('wrote picture-1.png');
  });

  it('tell the status', async () => {
    const { terminal } = await attach();
    await terminal.input(`${PREFIX}s`);
    expect(terminal.line(25)).toMatch(
      /nt4 \| Running \| 01:05 \| 100 MIPS \| 50% busy \| disk 3.0 MiB read, 0 B written/,
    );
  });

  it('say so when there is no such command', async () => {
    const { terminal, calls } = await attach();
    await terminal.input(`${PREFIX}z`);
    expect(terminal.line(25)).toContain('no such command');
    expect(calls).toEqual([]);
  });

  it('detach gives the terminal back and leaves the machine alone', async () => {
    const { terminal, calls, attachment } = await attach();
    await terminal.input(`${PREFIX}d`);
    await attachment.detached;
    expect(attachment.attached).toBe(false);
    expect(terminal.modes).toEqual(['screen', 'released']);
    await terminal.input('x');
    expect(calls).toEqual([]);
  });

  it('have another prefix on demand', async () => {
    const { terminal, calls } = await attach('text', 26, 0x1d);
    await terminal.input(PREFIX);
    await terminal.input('\x1dr');
    expect(calls).toEqual(['press ControlLeft KeyA', 'reset']);
  });

  it('detach by itself when the terminal goes away', async () => {
    const { terminal, attachment, calls } = await attach();
    terminal.vanish();
    await attachment.detached;
    expect(calls).toEqual([]);
  });
});

describe('the serial view', () => {
  it('passes bytes through, both ways', async () => {
    const { machine, terminal, calls } = await attach('serial');
    expect(terminal.modes).toEqual(['bytes']);
    machine.send('login: \x1b[31mred');
    await terminal.input('root\x1b[A\r');
    expect(terminal.written).toContain('login: \x1b[31mred');
    expect(calls).toEqual(['serial "root\\u001b[A\\r"']);
  });

  it('knows the escape commands, also amid other bytes', async () => {
    const { terminal, calls } = await attach('serial');
    await terminal.input(`ab${PREFIX}${PREFIX}c${PREFIX}rd`);
    expect(calls).toEqual(['serial "ab\\u0001c"', 'reset', 'serial "d"']);
  });

  it('is one key away from the screen', async () => {
    const { machine, terminal } = await attach('text');
    await terminal.input(`${PREFIX}c`);
    machine.send('on the line');
    await terminal.settle();
    expect(terminal.modes).toEqual(['screen', 'released', 'bytes']);
    expect(terminal.written).toContain('on the line');
    machine.print('on the screen');
    await terminal.input(`${PREFIX}c`);
    expect(terminal.line(0)).toBe('on the screen');
  });

  it('stamps lines with the time on demand', async () => {
    const { machine, terminal } = await attach('serial');
    await terminal.input(`${PREFIX}t`);
    machine.send('one\r\ntwo\r\n');
    expect(terminal.written).toMatch(/\[ +\d+\.\d{3}\] one\r\n\[ +\d+\.\d{3}\] two\r\n/);
  });
});
