/** A whole Debian with systemd and udev: to its login prompt, a command, and off in order. */
import { describe, expect, it } from 'vitest';
import { boot, image, missing, ORDERLY_RUN } from './guest.ts';

describe('debian-full', () => {
  it.skipIf(missing('debian-full.vhd'))(
    'logs in, runs a command and powers off (needs bash .ci/guests)',
    async () => {
      const run = await boot(
        [image('debian-full.vhd'), '--memory', '256', '--timeout', '500'].concat(
          ['--expect', '/@@LOGIN .*ttyS0/', '--send', 'echo $((6*7))-$(uname -m)-$(. /etc/os-release; echo $ID)\\n'],
          ['--expect', '/^42-i686-debian/m', '--send', 'systemctl poweroff\\n'],
        ),
        580,
      );
      expect([run.code, run.talk.trim()]).toEqual([0, 'The guest powered off.']);
      expect(run.states).toEqual(ORDERLY_RUN);
    },
    600_000,
  );
});
