import { EventEmitter } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { Observable, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SeededRandom, SimClock } from '@app/time';
import { Drain } from './drain.js';
import { EventStream, type EventStreamPolicy, type Step } from './event-stream.js';

const POLICY: EventStreamPolicy = { beatMs: 15_000, bufferBytes: 100, stalledMs: 30_000, retryMs: [500, 1_500] };

/** A response whose socket takes what a test reads. */
class FakeResponse extends EventEmitter {
  writableLength = 0;
  text = '';
  isEnded = false;
  isDestroyed = false;
  reads = true;

  writeHead(): void {}
  write(text: string): void {
    this.text += text;
    if (!this.reads) this.writableLength += text.length;
  }
  read(): void {
    this.reads = true;
    this.writableLength = 0;
    this.emit('drain');
  }
  end(): void {
    this.isEnded = true;
    this.emit('close');
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

class Scene {
  readonly clock = new SimClock();
  readonly drain = new Drain(this.clock);
  readonly steps = new Subject<Step>();
  feeds = 0;
  openFeeds = 0;

  open(random = new SeededRandom(1)): FakeResponse {
    const response = new FakeResponse();
    const feed = () =>
      new Observable<Step>((subscriber) => {
        this.feeds++;
        this.openFeeds++;
        subscriber.add(() => this.openFeeds--);
        subscriber.add(this.steps.subscribe(subscriber));
      });
    new EventStream(response as unknown as ServerResponse, { clock: this.clock, random, drain: this.drain, feed }, POLICY).start({});
    return response;
  }
}

const step = (...films: string[]): Step => ({ events: films.map((film) => ({ event: 'added', data: { film } })), id: `id-${films.at(-1)}` });

describe('a stream of events', () => {
  it('writes each event as the standard says, the id with the last of a step', () => {
    const scene = new Scene();
    const response = scene.open();
    scene.steps.next(step('a', 'b'));
    scene.steps.next({ events: [{ event: 'list', data: [] }], id: null });
    expect(response.text.replace(/^retry: \d+\n\n/, '')).toBe('event: added\ndata: {"film":"a"}\n\nid: id-b\nevent: added\ndata: {"film":"b"}\n\nid: \nevent: list\ndata: []\n\n');
  });

  it('stops listening for a device whose buffer is full, begins anew when it has read, and is bounded meanwhile', () => {
    const scene = new Scene();
    const response = scene.open();
    response.reads = false;
    for (let film = 0; film < 1_000; film++) scene.steps.next(step(`film-${film}`));
    expect(scene.openFeeds).toBe(0);
    expect(response.writableLength).toBeLessThan(POLICY.bufferBytes + 100);
    scene.clock.advance(29_000);
    expect(response.text).not.toContain('\n:');
    response.read();
    expect([scene.feeds, scene.openFeeds]).toEqual([2, 1]);
    scene.clock.advance(60_000);
    expect(response.isDestroyed).toBe(false);
  });

  it('cuts off who has read nothing for so long', () => {
    const scene = new Scene();
    const response = scene.open();
    response.reads = false;
    scene.steps.next(step('x'.repeat(200)));
    scene.clock.advance(29_999);
    expect(response.isDestroyed).toBe(false);
    scene.clock.advance(1);
    expect([response.isDestroyed, scene.clock.pending]).toEqual([true, 0]);
  });

  it('ends in order when its feed ends, and when the gateway drains', () => {
    const [failed, drained] = [new Scene(), new Scene()];
    const one = failed.open();
    failed.steps.error(new Error('whatever'));
    const two = drained.open();
    drained.drain.begin(createServer(), () => {});
    const late = drained.open();
    expect([one.isEnded, two.isEnded, late.isEnded]).toEqual([true, true, true]);
    expect([failed.openFeeds, drained.openFeeds, failed.clock.pending]).toEqual([0, 0, 0]);
  });

  it('asks devices to come back at different times', () => {
    const scene = new Scene();
    const random = new SeededRandom(4);
    const pauses = Array.from({ length: 100 }, () => Number(/^retry: (\d+)/.exec(scene.open(random).text)![1]));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_500);
    expect(new Set(pauses).size).toBeGreaterThan(50);
  });

  it('leaves no feed, timer or listener: 10,000 devices that come, stall, read on and go at random', () => {
    const scene = new Scene();
    const random = new SeededRandom(5);
    const open: FakeResponse[] = [];
    for (let device = 0; device < 10_000; device++) {
      const response = scene.open(random);
      response.reads = random.fraction() < 0.7;
      open.push(response);
      if (random.fraction() < 0.3) scene.steps.next(step('x'.repeat(random.below(200))));
      if (random.fraction() < 0.05) scene.clock.advance(random.below(20_000));
      if (random.fraction() < 0.2) random.pick(open).read();
      while (open.length > 60 || (open.length > 0 && random.fraction() < 0.45)) open.splice(random.below(open.length), 1)[0]!.emit('close');
    }
    expect(scene.openFeeds).toBeGreaterThan(0);
    expect(scene.drain.listenerCount).toBeGreaterThan(0);
    for (const response of open) response.emit('close');
    expect([scene.openFeeds, scene.clock.pending, scene.drain.listenerCount, scene.steps.observed]).toEqual([0, 0, 0, false]);
  });
});
