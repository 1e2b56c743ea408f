/** The parts of docs/benchmarks.md that do not depend on a run. */

export const ABOUT =
  'Speed of virtualserver beside npm `v86` (with its compiler and without), QEMU’s translator (TCG) and, where the programs run ' +
  'without an emulator, the host itself. The emulators take turns within one run, so that whatever else the host does touches all ' +
  'of them, and every sample is a process of its own.';

export const COMMANDS = `## Measure it yourself

\`\`\`sh
npm run bench                                             # everything that is installed, 5 rounds: about an hour on an idle machine
npm run bench -- --quick                                  # one sample: kernels, large footprint, boot; about 2 minutes
npm run bench -- --quick --only kernels --peers virtualserver,v86
npm run bench -- --quick --only footprint --peers virtualserver
npm run bench -- --quick --only linux-bench --groups x87,sse      # parts of the Linux benchmarks
npm run bench -- --quick --only linux-bench --groups int-sieve,x87-nbody --scale 4
npm run bench -- --node 24                                # the emulators in another Node: a version for npx, or a path
npm run bench -- --quick --clock processor                # processor time instead of host time: steadier on a busy host
npm run bench -- --check                                  # exit code 1 when a limit of bench/thresholds.json is missed
npm run bench -- --memory --duration 3600                 # memory of the process while the guest repeats linux-bench
npm run bench -- --idle --idle-time 60                    # processor time of a guest at its prompt
npm run bench -- --json build/bench/a.json                # where the result goes
npm run bench -- --from build/bench/a.json,build/bench/b.json --check --update-docs   # limits and this page from results;
                                                          # results of several versions of Node give a column each
\`\`\`

npm \`v86\` and its firmware come with \`npm ci\`; \`qemu-system-i386\` is used where it is installed; \`native\` needs root on an x86 Linux
with \`debugfs\`. \`.ci/guests linux-mini linux-bench\` builds the guests' disks; \`--images FOLDER\` takes them from elsewhere. What is
missing is skipped, and the report says so. Emulators without a compiler take part in long suites only when \`--peers\` names them: they
would take minutes in the boot, hours in \`linux-bench\`. A sample whose checksum is wrong fails the run.`;

export const HOW_TO_READ =
  'A time is the median of the samples, ± half the distance from the smallest to the largest. A ratio (“vs”) is the other’s time ' +
  'divided by ours, taken round by round, then the median over the rounds: above 1 virtualserver is faster. Checksums of all ' +
  'emulators are compared with each other and, for `linux-bench`, with those of a real processor; `(!)` marks one that differs.';

export const RESULT_FILE = `## The result file

\`--json FILE\` (default \`build/bench/result.json\`) holds what was measured, nothing derived:

| key | meaning |
| --- | --- |
| \`format\` | 2 |
| \`clock\` | \`host\`; \`processor\` with \`--clock processor\` |
| \`machine\` | \`date\`, \`processor\`, \`cores\`, \`memoryGiB\`, \`system\`, \`node\`, \`v8\`, and \`peers\`: name and version by emulator |
| \`samples[]\` | one run of one \`suite\` in one \`peer\`: \`round\` (samples of one round ran one after the other), \`load\` (the host’s 1-minute load average when it began) and \`outcome\` |
| \`outcome.measurements[]\` | \`item\`, \`group\`, \`milliseconds\` of host time, \`repetitions\` (the bare kernels’ single times), \`checksum\`; \`unstable\`: repetitions disagree; \`wrong\`: not what a real processor computes |
| \`outcome.error\` | instead of \`measurements\`: why the sample failed |
| \`observations[]\` | by \`peer\`; \`watch: "idle"\`: \`seconds\`, \`share\` of one host core; \`watch: "memory"\`: \`guestMiB\`, \`loops[]\` with \`end\` (seconds since power-on), \`medianMiB\` and \`largestMiB\` (resident set of the process), \`wrong\` (checksums) |
| \`skips[]\` | \`suite\`, \`peer\`, \`reason\` |`;
