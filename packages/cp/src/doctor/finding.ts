/** What a look at one thing has found, and what to do about it. */
export interface Finding {
  readonly about: string
  /** `bad`: it does not work, or will not. `doubtful`: it works, and somebody should know. */
  readonly level: 'fine' | 'doubtful' | 'bad'
  readonly says: string
  /** The next act; only where there is one. */
  readonly next?: string | undefined
}

export const fine = (about: string, says: string): Finding => ({ about, level: 'fine', says })
export const doubtful = (about: string, says: string, next: string): Finding => ({
  about,
  level: 'doubtful',
  says,
  next,
})
export const bad = (about: string, says: string, next: string): Finding => ({ about, level: 'bad', says, next })
