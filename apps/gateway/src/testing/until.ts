/** Waits for what real sockets and timers bring about: an awaited condition with a deadline, never a sleep for luck. */
export async function until(condition: () => boolean, withinMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${withinMs} ms in vain for ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
