/** How much background work may send: so many bytes a second, and a little at once. */
const BURST_MS = 100;

export class Pace {
  #paidUntilMs = 0;

  constructor(private readonly bytesPerSecond: number) {}

  /** How long the next message has to wait, ms. */
  delayMs(nowMs: number): number {
    return Math.max(0, this.#paidUntilMs - BURST_MS - nowMs);
  }

  sent(byteCount: number, nowMs: number): void {
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + (byteCount / this.bytesPerSecond) * 1_000;
  }
}
