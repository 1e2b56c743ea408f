/** The command line: its verbs, options and help texts. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CpuidConfiguration } from '../../cpu/processor.ts';
import type { MachineOptions, VirtualMachine } from '../machine/api.ts';
import type {
  DebugExitPort,
  BootDevice,
  ClockConfiguration,
  DiskMode,
  ParallelConfiguration,
  SerialConfiguration,
  TripleFaultPolicy,
  UndoAction,
  VideoAdapterKind,
} from '../machine/configuration.ts';
import { bootTarget, demoTarget, withKernel, type BootTarget, type DriveOptions } from './boot-target.ts';
import { addDiskCommands } from './disk-command.ts';
import { escapeName } from './escape.ts';
import { exitCodeOfError, ExitCode } from './exit-codes.ts';
import { addInspectCommand } from './inspect.ts';
import { addNetworkOptions, withNetwork, type NetworkOptions } from './network-options.ts';
import * as values from './option-values.ts';
import { packageFile, packageVersion } from './package-file.ts';
import { formatError } from './report.ts';
import { runMachine, type RunSettings, type Surroundings } from './run-machine.ts';
import type { Step } from './script.ts';
import { addStateOptions, planState, type StateOptions } from './state-options.ts';
import { savedConfiguration } from '../machine/saving.ts';
import { nodeStateFiles } from '../machine/node-state-files.ts';
import { MEMORY_MIB } from '../machine/configuration.ts';

const DEFAULT_ESCAPE = 1;
const DEFAULT_TIMEOUT = 60;

/** Options as commander collects them; absent ones are undefined. */
interface Options extends DriveOptions, StateOptions, NetworkOptions {
  readonly name?: string;
  readonly memory?: number;
  readonly videoMemory?: number;
  readonly videoAdapter?: VideoAdapterKind;
  /** `--no-undo` makes it false. */
  readonly undo: values.UndoPlace | false;
  readonly undoAtEnd?: UndoAction;
  readonly boot?: BootDevice[];
  readonly serial?: values.SerialTarget[];
  readonly parallel?: ParallelConfiguration;
  readonly cpu?: CpuidConfiguration;
  readonly jit?: boolean;
  readonly clock?: ClockConfiguration;
  readonly rtc?: 'host' | number;
  readonly tripleFault?: TripleFaultPolicy;
  readonly kernel?: string;
  readonly append?: string;
  readonly initrd?: string;
  /** `--no-debug-exit` makes it false; without a port it is true. */
  readonly debugExit?: boolean | DebugExitPort;
  readonly debugConsole?: values.DebugConsole;
  readonly bios?: string;
  readonly videoBios?: string;
  readonly screen?: 'text' | 'serial' | 'none';
  readonly headless?: boolean;
  readonly status: boolean;
  readonly escape: number;
  readonly events?: string;
  readonly timeout: number;
  readonly quit?: boolean;
  readonly screenshotAt?: number;
  readonly screenshotFile?: string;
  readonly profile?: boolean;
  readonly profileFile?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly output?: string;
  readonly at?: number;
}

export interface ProgramParts {
  readonly around: Surroundings;
  readonly createMachine: (options: MachineOptions) => VirtualMachine;
}

/** Runs the command line; resolves to the exit code. */
export async function runProgram(args: readonly string[], parts: ProgramParts): Promise<number> {
  let code: number = ExitCode.Success;
  const program = buildProgram(parts, (result) => (code = result));
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has told about its own; these are options that do not go together.
    if (error instanceof InvalidArgumentError) parts.around.talk.write(`error: ${error.message}\n`);
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Success : ExitCode.Usage;
    parts.around.talk.write(`virtualserver: ${formatError(error)}\n`);
    return exitCodeOfError(error);
  }
}

function buildProgram(parts: ProgramParts, done: (code: number) => void): Command {
  const { around } = parts;
  const program = new Command('virtualserver')
    .description('Boots PC machines: .vmc configurations, VHD and raw disks, CD and floppy images.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help')
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void around.output.write(text),
      writeErr: (text) => void around.talk.write(text),
    })
    .addHelpText('after', () => EXAMPLES);

  const verb = (name: string, description: string): { command: Command; steps: Step[] } => {
    const command = program.command(name).description(description);
    const steps: Step[] = [];
    return { command, steps };
  };

  const boot = verb('boot', 'start a machine and attach the terminal to it');
  boot.command.argument('[target]', 'a .vmc, a machine folder, a disk (.vhd, raw), a CD (.iso) or a floppy image');
  addDriveOptions(boot.command);
  addMachineOptions(boot.command);
  addRunOptions(boot.command, boot.steps);
  addStateOptions(boot.command, boot.steps);
  boot.command.action(async (target: string | undefined, options: Options) => {
    // A BIOS image may be all there is to run: processor tests come that way.
    const { resume } = options;
    if (target === undefined && resume !== undefined && !hasMedium(options)) {
      const configuration = savedConfiguration({ path: resume }, nodeStateFiles);
      done(await start({ configuration, remarks: [] }, options, boot.steps, parts));
      return;
    }
    if (target === undefined && !hasMedium(options) && options.bios === undefined) {
      boot.command.error('error: name a machine or an image, or give --hda, --cdrom, --floppy, --kernel or --bios');
    }
    const opened = bootTarget(target, options, options.undo === false ? 'direct' : options.undo);
    done(await start(opened, options, boot.steps, parts));
  });

  const demo = verb('demo', 'start the demonstration guest; nothing to download');
  addMachineOptions(demo.command);
  addRunOptions(demo.command, demo.steps);
  addStateOptions(demo.command, demo.steps);
  demo.command.action(async (options: Options) => {
    done(await start(demoTarget(packageFile('dist', 'demo.img')), options, demo.steps, parts));
  });

  const screenshot = verb('screenshot', 'start a machine unseen, write a picture of its screen (PNG), turn it off');
  screenshot.command.argument('<target>', 'as for boot; "demo" for the demonstration guest');
  screenshot.command.addOption(new Option('-o, --output <file>', 'file to write').default('screenshot.png'));
  screenshot.command.addOption(
    new Option('--at <seconds>', 'when, after power-on and the steps').argParser(values.seconds),
  );
  addDriveOptions(screenshot.command);
  addMachineOptions(screenshot.command);
  addRunOptions(screenshot.command, screenshot.steps);
  screenshot.command.action(async (target: string, options: Options) => {
    const mode = options.undo === false ? 'direct' : options.undo;
    const opened = target === 'demo' ? demoTarget(packageFile('dist', 'demo.img')) : bootTarget(target, options, mode);
    const wait = options.at ?? (screenshot.steps.length > 0 ? 0 : 5);
    const steps: Step[] = [
      ...screenshot.steps,
      { kind: 'wait', seconds: wait },
      { kind: 'screenshot', path: options.output! },
    ];
    done(await start(opened, { ...options, headless: true, quit: true, quiet: true }, steps, parts));
  });

  addInspectCommand(program, around, done);
  addDiskCommands(program, around, done);
  return program;
}

const UNSEEN = 'There is no terminal that can show the screen: the machine runs unseen. Ctrl-C asks it to shut down.';

const EXAMPLES = `
Examples:
  virtualserver demo
  virtualserver boot machines/nt4/nt4.vmc
  virtualserver boot dos.vhd --undo memory
  virtualserver boot --cdrom install.iso --hda disk.vhd --boot cdrom,disk
  virtualserver boot disk.img --serial stdio --screen serial
  virtualserver boot disk.img --net nat --net-forward 2222-22
  virtualserver boot disk.img --headless --events - --expect "login:" --type "root\\n"
  virtualserver screenshot demo --output demo.png
  virtualserver inspect machines/nt4
  virtualserver disk flatten machines/nt4 nt4.vhd

Exit codes: 0 the guest powered off, 1 failure, 2 usage, 3 configuration, 4 disk or image, 5 triple fault,
6 an expected text did not appear, 8 fault of the emulator, 16 + n debug-exit code n, 128 + n signal n.
`;

const hasMedium = (options: Options): boolean =>
  Boolean(
    options.hda ?? options.hdb ?? options.hdd ?? options.cdrom ?? options.floppy ?? options.floppyB ?? options.kernel,
  );

function addDriveOptions(command: Command): void {
  command
    .optionsGroup('Drives ("none" leaves one empty):')
    .option('--hda <image>', 'hard disk, primary master')
    .option('--hdb <image>', 'hard disk, primary slave')
    .option('--hdd <image>', 'hard disk, secondary slave')
    .option('--cdrom <image>', 'disc in the CD drive, secondary master')
    .option('--floppy <image>', 'floppy in drive A:')
    .option('--floppy-b <image>', 'floppy in drive B:')
    .addOption(
      new Option(
        '--undo <where>',
        'changes to images: auto (to an undo disk unless this product made the image), beside (always to an undo disk), memory (forgotten at the end), session (to undo disks as the original product keeps them)',
      )
        .argParser(values.undoPlace)
        .default('auto' satisfies DiskMode),
    )
    .option('--no-undo', 'changes go straight into the images')
    .addOption(
      new Option('--undo-at-end <action>', 'what becomes of the undo disks of all hard disks (default: keep)').choices([
        'keep',
        'commit',
        'discard',
      ] satisfies UndoAction[]),
    );
}

function addMachineOptions(command: Command): void {
  command
    .optionsGroup('Machine:')
    .option('--name <text>', 'name in events and files')
    .addOption(new Option('-m, --memory <size>', 'guest RAM, MiB without a unit').argParser(values.mebibytes))
    .addOption(new Option('--video-memory <size>', 'video memory: 1, 2, 4, 8 or 16 MiB').argParser(values.mebibytes))
    .addOption(
      new Option('--video-adapter <kind>', 'S3 Trio64, or a plain VGA with DISPI').choices(['s3-trio64', 'dispi']),
    )
    .addOption(new Option('--boot <order>', 'such as cdrom,disk or dca').argParser(values.bootOrder))
    .addOption(
      new Option(
        '--serial <target>',
        'COM1, then COM2: stdio, none, file:PATH[,append], pipe:PATH[,listen], tcp:[HOST:]PORT[,listen]',
      ).argParser((text, list: values.SerialTarget[] = []) => [...list, values.serialTarget(text)]),
    )
    .addOption(new Option('--parallel <target>', 'LPT1: none, file:PATH[,append]').argParser(values.parallelTarget))
    .addOption(
      new Option('--cpu <model>', 'pentium2, pentium3 or pentium4; -sse2, +sse3; model=8; maxleaf=2').argParser(
        values.processor,
      ),
    )
    .addOption(new Option('--jit <switch>', 'on or off: compile hot code of the guest').argParser(values.onOrOff))
    .addOption(
      new Option('--clock <policy>', 'real, fast or fixed[:INSTRUCTIONS_PER_SECOND]').argParser(values.clockPolicy),
    )
    .addOption(new Option('--rtc <start>', 'host, or a date such as 1999-12-31T23:59:00').argParser(values.clockStart))
    .addOption(new Option('--triple-fault <policy>', 'what a triple fault does').choices(['reset', 'stop', 'pause']))
    .option('--kernel <file>', 'load a multiboot or Linux kernel, without a boot loader')
    .option('--append <text>', 'command line of the kernel')
    .option('--initrd <file>', 'initial RAM disk, or multiboot module')
    .addOption(
      new Option(
        '--debug-exit [port]',
        'PORT[,SIZE]: a write of n there ends with code 16 + n (default: F4h,4)',
      ).argParser(values.debugExit),
    )
    .option('--no-debug-exit', 'no such port')
    .addOption(
      new Option('--debug-console <target>', 'text written to port E9h: none, stdio, file:PATH').argParser(
        values.debugConsole,
      ),
    )
    .option('--bios <file>', 'system BIOS instead of the one supplied')
    .option('--video-bios <file>', 'video BIOS instead of the one supplied');
}

function addRunOptions(command: Command, steps: Step[]): void {
  addNetworkOptions(command);
  const step = (make: (text: string) => Step) => (text: string) => void steps.push(make(text));
  command
    .optionsGroup('Terminal:')
    .addOption(
      new Option('--screen <view>', 'what the terminal shows (default: text, or serial with --serial stdio)').choices([
        'text',
        'serial',
        'none',
      ]),
    )
    .option('--headless', 'same as --screen none')
    .option('--no-status', 'no status line')
    .addOption(
      new Option('--escape <key>', 'prefix of the escape commands')
        .argParser(values.escapePrefix)
        .default(DEFAULT_ESCAPE, escapeName(DEFAULT_ESCAPE)),
    )
    .optionsGroup('Steps, done in the order given:')
    .addOption(
      new Option('--expect <text>', 'wait for text, or /expression/, on the screen or COM1').argParser(
        step((text) => ({ kind: 'expect', pattern: values.pattern(text) })),
      ),
    )
    .addOption(
      new Option('--type <text>', 'type on the keyboard; \\n is Enter').argParser(
        step((text) => ({ kind: 'type', text: values.unescape(text) })),
      ),
    )
    .addOption(
      new Option('--press <keys>', 'press keys together: enter, f8, ctrl-alt-delete').argParser(
        step((text) => ({ kind: 'press', codes: values.keyChord(text) })),
      ),
    )
    .addOption(
      new Option('--send <text>', 'send to COM1; \\n is Enter').argParser(
        step((text) => ({ kind: 'send', text: values.unescape(text) })),
      ),
    )
    .addOption(
      new Option('--wait <seconds>', 'wait').argParser(
        step((text) => ({ kind: 'wait', seconds: values.seconds(text) })),
      ),
    )
    .addOption(
      new Option('--screenshot <file>', 'write a picture of the screen').argParser(
        step((path) => ({ kind: 'screenshot', path })),
      ),
    )
    .addOption(
      new Option('--timeout <seconds>', 'limit of each --expect').argParser(values.seconds).default(DEFAULT_TIMEOUT),
    )
    .option('--quit', 'turn the machine off after the last step')
    .optionsGroup('Output:')
    .addOption(
      new Option('--screenshot-at <seconds>', 'write a picture so long after power-on').argParser(values.seconds),
    )
    .option('--screenshot-file <file>', 'name of pictures (default: machine, date and time)')
    .option('--events <file>', 'write events as JSON lines; "-" is standard output')
    .option('--profile', 'say at the end where time went')
    .option('--profile-file <file>', 'write that to a file: text, or JSON if its name ends in .json')
    .option('-q, --quiet', 'say nothing but errors')
    .option('-v, --verbose', 'say what the guest uses and the machine lacks');
}

async function start(
  target: BootTarget,
  options: Options,
  steps: readonly Step[],
  parts: ProgramParts,
): Promise<number> {
  const { around } = parts;
  const state = planState(options, target.state);
  if (steps.some(({ kind }) => kind === 'save') && state.path === undefined)
    throw usage('--save needs --state: where to write it');
  const settings: RunSettings = {
    ...runSettings(options, steps, around),
    onSignal: state.onSignal,
    ...(state.path === undefined ? {} : { statePath: state.path }),
  };
  const { kernel } = options;
  if (kernel === undefined && (options.append ?? options.initrd) !== undefined)
    throw usage('--append and --initrd go with --kernel');
  if (kernel !== undefined && options.cdrom !== undefined)
    throw usage('--kernel takes the CD drive; leave out --cdrom');
  const machine = withOptions(target.configuration, options);
  const configuration =
    kernel === undefined
      ? machine
      : withKernel(machine, { ...options, kernel }, packageFile('dist', 'kernel-loader.bin'));
  if (!settings.quiet) {
    for (const remark of [...target.remarks, ...state.remarks]) around.talk.write(`${remark}\n`);
    const asked = options.headless || options.screen === 'none';
    if (settings.view === 'none' && !asked) around.talk.write(`${UNSEEN}\n`);
  }
  const reserveBytes = (configuration.memoryMiB ?? MEMORY_MIB.default) * 2 ** 20;
  return runMachine(
    parts.createMachine({ ...configuration, ...(state.from ? { savedState: state.from } : {}) }),
    state.reserve ? { ...settings, reserveBytes } : settings,
    around,
  );
}

/** The target's configuration with what the command line says instead. */
function withOptions(base: MachineOptions, options: Options): MachineOptions {
  const { undoAtEnd, name, memory, videoMemory, boot, parallel, cpu, jit, clock, rtc, tripleFault, debugExit } =
    options;
  const firmware = {
    ...(options.bios === undefined ? {} : { bios: options.bios }),
    ...(options.videoBios === undefined ? {} : { videoBios: options.videoBios }),
  };
  const serial = options.serial?.map((target): SerialConfiguration =>
    target.kind === 'stdio' ? { kind: 'events' } : target,
  );
  return {
    ...base,
    ...(name === undefined ? {} : { name }),
    ...(memory === undefined ? {} : { memoryMiB: memory }),
    ...(videoMemory === undefined ? {} : { videoMemoryMiB: videoMemory }),
    ...(options.videoAdapter === undefined ? {} : { videoAdapter: options.videoAdapter }),
    ...(boot === undefined ? {} : { boot }),
    ...withNetwork(base, options),
    ...(serial === undefined ? {} : { serial: [...serial, ...(base.serial ?? []).slice(serial.length)] }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(cpu === undefined ? {} : { cpuid: { ...base.cpuid, ...cpu } }),
    ...(jit === undefined ? {} : { jit }),
    ...(wantsProfile(options) ? { profile: true } : {}),
    ...(clock === undefined ? {} : { clock }),
    ...(rtc === undefined ? {} : { rtc }),
    ...(tripleFault === undefined ? {} : { tripleFault }),
    ...(debugExit === undefined ? {} : { debugExit }),
    ...(undoAtEnd === undefined ? {} : { undoAtEnd }),
    ...(Object.keys(firmware).length === 0 ? {} : { firmware }),
  };
}

function runSettings(options: Options, steps: readonly Step[], around: Surroundings): RunSettings {
  const { screenshotAt, screenshotFile, events } = options;
  const stdio = options.serial?.[0]?.kind === 'stdio';
  if (options.serial?.[1]?.kind === 'stdio') throw usage('only COM1 can be stdio');
  const view = chooseView(options, stdio, around);
  if (events === '-' && options.debugConsole?.kind === 'stdio')
    throw usage('--events - and --debug-console stdio both want standard output');
  if (events === '-' && view !== 'none') throw usage('--events - needs --headless: standard output is taken');
  return {
    view,
    statusLine: options.status,
    escape: options.escape,
    steps,
    timeout: options.timeout,
    quit: options.quit ?? false,
    quiet: options.quiet ?? false,
    verbose: options.verbose ?? false,
    ...(events === undefined ? {} : { events }),
    ...(options.debugConsole === undefined ? {} : { debugConsole: options.debugConsole }),
    ...(screenshotAt === undefined ? {} : { screenshotAt }),
    ...(screenshotFile === undefined ? {} : { screenshotPath: screenshotFile }),
    ...(wantsProfile(options) ? { profile: options.profileFile ?? '-' } : {}),
  };
}

/** Without a terminal or a wish to see the screen nothing is attached; the serial line goes to the standard streams, if asked for. */
function chooseView({ screen, headless }: Options, stdio: boolean, { terminal }: Surroundings): RunSettings['view'] {
  if (headless || screen === 'none') return stdio ? 'pipe' : 'none';
  const view = screen ?? (stdio ? 'serial' : 'text');
  if (terminal) return view;
  return view === 'serial' ? 'pipe' : 'none';
}

const wantsProfile = ({ profile, profileFile }: Options): boolean => profile === true || profileFile !== undefined;

const usage = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
