/**
 * The time as one session sees it: the wall clock's when it began, and from then on only how much has really passed. A clock
 * that is set back in between would keep a deadline from ever coming, one that is set forward would end everything.
 */
export function sessionClock(
  wallMs: () => number = Date.now,
  passedMs: () => number = () => performance.now(),
): () => number {
  const [beganMs, startMs] = [wallMs(), passedMs()]
  return () => Math.round(beganMs + passedMs() - startMs)
}
