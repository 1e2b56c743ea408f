/** For child processes: they lead a process group of their own, so that nobody else ends them when their parent is gone. */

/** Ends this process, and what it started, when the parent does not listen any more: it may have been killed. */
export function endWithParent(): void {
  process.once('disconnect', () => process.kill(-process.pid, 'SIGKILL'));
}
