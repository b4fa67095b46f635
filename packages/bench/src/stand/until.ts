const lookEveryMs = 5

/**
 * Waits for a level.
 * @param everyMs between two looks: where looking costs what is measured, seldom
 * @throws Error naming what did not come
 */
export async function until(
  what: string,
  level: () => boolean | Promise<boolean>,
  withinMs = 300_000,
  everyMs = lookEveryMs,
): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await level())) {
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
