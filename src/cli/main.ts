#!/usr/bin/env node
/** The `virtualserver` command. */
import { createMachine } from '../index.ts';
import { ExitCode } from './exit-codes.ts';
import { runProgram } from './program.ts';
import { ProcessTerminal } from './terminal/terminal.ts';

const { stdin, stdout, stderr } = process;
// A dumb terminal cannot place a character on its screen.
const able = stdin.isTTY && stdout.isTTY && process.env['TERM'] !== 'dumb';
const terminal = able ? new ProcessTerminal(stdin, stdout) : undefined;

// A reader that has had enough (`| head`) is no failure; the screen notices by itself that its terminal is gone.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

process.on('uncaughtException', (error) => {
  // The message belongs on the user's screen, not on the guest's.
  terminal?.release();
  stderr.write(`virtualserver: internal fault: ${error.stack ?? error.message}\n`);
  process.exit(ExitCode.Internal);
});

process.exitCode = await runProgram(process.argv.slice(2), {
  createMachine,
  around: {
    terminal,
    input: stdin,
    output: stdout,
    talk: stderr,
    signals: process,
  },
});
