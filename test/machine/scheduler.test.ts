import { describe, expect, it } from 'vitest';
import { createPacer, initialRate } from '../../src/machine/pacing.ts';
import { Scheduler } from '../../src/machine/scheduler.ts';

class Counter {
  executed = 0;
  readonly limits: number[] = [];
  limit(instructions: number): void {
    this.limits.push(instructions);
  }
}

function setup(ns = 10): { scheduler: Scheduler; cpu: Counter } {
  const scheduler = new Scheduler(ns);
  const cpu = new Counter();
  scheduler.attach(cpu);
  return { scheduler, cpu };
}

describe('Scheduler', () => {
  it('counts instructions, not host time', () => {
    const { scheduler, cpu } = setup(10);
    cpu.executed = 7;
    expect(scheduler.now()).toBe(70);
    scheduler.setRate(3);
    expect(scheduler.now()).toBe(70);
    cpu.executed = 9;
    expect(scheduler.now()).toBe(76);
  });

  it('runs alarms in order of deadline, then of arming', () => {
    const { scheduler } = setup();
    const ran: string[] = [];
    const alarms = ['c', 'a', 'b', 'b2'].map((name) =>
      scheduler.alarm(name, () => ran.push(`${name}@${scheduler.now()}`)),
    );
    alarms[0]!.set(300);
    alarms[1]!.set(100);
    alarms[2]!.set(200);
    alarms[3]!.set(200);
    expect(scheduler.headroom()).toBe(10);
    for (let i = 0; i < 4 && scheduler.nextDeadline < Infinity; i++) {
      scheduler.advanceTo(scheduler.nextDeadline);
      scheduler.runDue();
    }
    expect(ran).toEqual(['a@100', 'b@200', 'b2@200', 'c@300']);
    expect(scheduler.headroom()).toBe(Infinity);
  });

  it('agrees with a sorted list over random arming and cancelling', () => {
    const { scheduler } = setup();
    let seed = 12345;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    const model = new Map<number, number>();
    const ran: number[] = [];
    const alarms = Array.from({ length: 40 }, (_, i) =>
      scheduler.alarm(String(i), () => {
        ran.push(i);
        expect(scheduler.now()).toBeGreaterThanOrEqual(model.get(i)!);
        model.delete(i);
      }),
    );
    for (let step = 0; step < 3000; step++) {
      const i = random(40);
      if (random(4) === 0) {
        alarms[i]!.cancel();
        model.delete(i);
      } else {
        const at = scheduler.now() + random(1000) + 1;
        alarms[i]!.set(at);
        model.set(i, at);
      }
      expect(scheduler.nextDeadline).toBe(Math.min(Infinity, ...model.values()));
      if (random(5) === 0) {
        const to = scheduler.now() + random(300);
        const due = [...model].filter(([, at]) => at <= to).length;
        const before = ran.length;
        scheduler.advanceTo(to);
        scheduler.runDue();
        expect(ran.length - before).toBe(due);
      }
    }
    expect(scheduler.pending().map((p) => p.deadline)).toEqual([...model.values()].sort((a, b) => a - b));
  });

  it('limits the processor when an alarm is set nearer than all others', () => {
    const { scheduler, cpu } = setup(10);
    const far = scheduler.alarm('far', () => {});
    const near = scheduler.alarm('near', () => {});
    far.set(10_000);
    near.set(95);
    expect(cpu.limits).toEqual([1000, 10]);
    far.set(5000);
    expect(cpu.limits).toHaveLength(2);
    near.set(-5);
    expect(cpu.limits.at(-1)).toBe(0);
  });

  it('survives an alarm that re-arms itself in the past', () => {
    const { scheduler } = setup();
    let ran = 0;
    const storm = scheduler.alarm('storm', () => {
      ran++;
      storm.set(0);
    });
    storm.set(0);
    scheduler.runDue();
    expect(ran).toBeGreaterThan(0);
    expect(ran).toBeLessThan(100_000);
  });
});

describe('pacing', () => {
  it('real: corrects a drift between estimated and measured speed without going back', () => {
    const { scheduler, cpu } = setup(initialRate({ kind: 'real' }));
    let host = 5000;
    const pacer = createPacer({ kind: 'real' }, scheduler, () => host);
    pacer.start();
    let last = 0;
    // The host really needs 40 ns per instruction, then 4, then 200: virtual time must follow host time.
    for (const cost of [40, 4, 200]) {
      for (let slice = 0; slice < 100; slice++) {
        const instructions = Math.round(5e6 / cost);
        cpu.executed += instructions;
        host += 5;
        pacer.ran(instructions, 5);
        expect(scheduler.now()).toBeGreaterThanOrEqual(last);
        last = scheduler.now();
      }
      expect(Math.abs(scheduler.now() / 1e6 - (host - 5000))).toBeLessThan(20);
    }
  });

  it('real: sleeps while idle, reaches each deadline in turn, gives up a long suspension', () => {
    const { scheduler } = setup();
    let host = 0;
    const pacer = createPacer({ kind: 'real' }, scheduler, () => host);
    pacer.start();
    expect(pacer.idle(55e6)).toBeCloseTo(55, 6);
    host = 20;
    expect(pacer.idle(55e6)).toBeCloseTo(35, 6);
    expect(scheduler.now()).toBe(20e6);
    host = 200;
    expect(pacer.idle(55e6)).toBe(0);
    expect(scheduler.now()).toBe(55e6);
    expect(pacer.idle(110e6)).toBe(0);
    expect(scheduler.now()).toBe(110e6);
    host = 3_600_000;
    expect(pacer.idle(2e9)).toBeGreaterThan(0);
    expect(scheduler.now()).toBeLessThan(1.2e9);
    expect(pacer.idle(Infinity)).toBeLessThanOrEqual(1000);
  });

  it('fast: skips idle time', () => {
    const { scheduler } = setup();
    const pacer = createPacer({ kind: 'fast' }, scheduler, () => 0);
    expect(pacer.idle(3600e9)).toBe(0);
    expect(scheduler.now()).toBe(3600e9);
    expect(pacer.idle(Infinity)).toBeGreaterThan(0);
  });

  it('fixed: holds a guest that is ahead of host time', () => {
    const clock = { kind: 'fixed', instructionsPerSecond: 1e6 } as const;
    const { scheduler, cpu } = setup(initialRate(clock));
    let host = 0;
    const pacer = createPacer(clock, scheduler, () => host);
    pacer.start();
    cpu.executed = 50_000;
    expect(pacer.hold()).toBeCloseTo(50);
    host = 50;
    expect(pacer.hold()).toBe(0);
    expect(pacer.idle(80e6)).toBeCloseTo(30);
    expect(scheduler.now()).toBe(50e6);
    host = 80;
    expect(pacer.idle(80e6)).toBe(0);
    expect(scheduler.now()).toBe(80e6);
  });
});
