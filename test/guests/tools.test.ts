/** Programs that run without a system below them: a memory test, a boot loader's prompt, a network boot loader's prompt. */
import { describe, expect, it } from 'vitest';
import { boot, image, missing } from './guest.ts';

describe('memtest86+', () => {
  it.skipIf(missing('memtest.img'))('floppy: one full pass without an error (needs bash .ci/guests)', async () => {
    const { code, talk } = await boot(
      [image('memtest.img'), '--memory', '8', '--timeout', '500'].concat([
        '--expect',
        '/Pass: +1\\b/',
        '--expect',
        '/Errors: 0 /',
        '--quit',
      ]),
      550,
    );
    expect([code, talk.trim()]).toEqual([0, 'The machine was turned off.']);
  });

  it.skipIf(missing('memtest.vhd'))('disk: its first tests without an error (needs bash .ci/guests)', async () => {
    const { code, talk } = await boot(
      [image('memtest.vhd'), '--memory', '8', '--timeout', '200'].concat([
        '--expect',
        '/Test +#4/',
        '--expect',
        '/Errors: 0 /',
        '--quit',
      ]),
      250,
    );
    expect([code, talk.trim()]).toEqual([0, 'The machine was turned off.']);
  });
});

describe('GRUB rescue', () => {
  for (const [name, disk] of [
    ['grub-rescue-floppy.img', '(fd0)'],
    ['grub-rescue-cdrom.iso', '(cd)'],
  ] as const) {
    it.skipIf(missing(name))(
      `${name}: gives a prompt, sees its disk and powers off (needs bash .ci/guests)`,
      async () => {
        const { code, talk } = await boot(
          [image(name), '--memory', '32', '--expect', 'GNU/Linux', '--type', 'c', '--expect', 'grub>'].concat([
            '--type',
            'ls\\n',
            '--expect',
            disk,
            '--type',
            'halt\\n',
            '--timeout',
            '60',
          ]),
          120,
        );
        expect([code, talk.trim()]).toEqual([0, 'The guest powered off.']);
      },
    );
  }
});

describe('iPXE', () => {
  for (const name of ['ipxe.iso', 'ipxe.img']) {
    it.skipIf(missing(name))(`${name}: gives its prompt (needs bash .ci/guests)`, async () => {
      const { code, talk } = await boot(
        [image(name), '--memory', '32', '--expect', 'Press Ctrl-B', '--press', 'ctrl-b', '--expect', 'iPXE>'].concat([
          '--type',
          'show version\\n',
          '--expect',
          '/version:\\S+ = \\d/',
          '--quit',
          '--timeout',
          '60',
        ]),
        120,
      );
      expect([code, talk.trim()]).toEqual([0, 'The machine was turned off.']);
    });
  }
});
