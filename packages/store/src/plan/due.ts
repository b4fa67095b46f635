import { refusalPauseMaxMs } from './refusals.js'

/**
 * When what was put off is due. A next try is an instant of the clock of whoever wrote it; a clock that was set back
 * meanwhile would have it wait for as long as the clock was wrong. No pause is as long as twice the longest one, so what
 * lies further ahead was written by such a clock, and is due.
 */
export interface Due {
  readonly untilMs: number
  readonly afterMs: number
}

export const dueAt = (nowMs: number, pauseMaxMs: number): Due => ({
  untilMs: nowMs,
  afterMs: nowMs + 2 * pauseMaxMs,
})

export const isDue = (nextTryMs: number, { untilMs, afterMs }: Due): boolean =>
  nextTryMs <= untilMs || nextTryMs > afterMs

/** Of resources that were refused when they were received. */
export const dueRefusal = (nowMs: number): Due => dueAt(nowMs, refusalPauseMaxMs)

/** The longest pause of a form whose hook failed or judged it wrongly; those that are claimed wait for their hooks' answers. */
const failedPauseMaxMs = 60_000

/** Of forms that a hook has not judged yet, or is to judge again. */
export const dueForm = (nowMs: number, claimMs: number): Due => dueAt(nowMs, Math.max(failedPauseMaxMs, claimMs))

/** Of forms that a hook has refused: their pauses grow as those of any refusal. */
export const dueRefusedForm = dueRefusal
