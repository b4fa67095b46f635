import type { Io } from '../io.js'

const codes = { good: 32, bad: 31, doubtful: 33 } as const

/** Colours carry no information of their own: without them nothing is lost. */
export const paint = (io: Pick<Io, 'colour'>, mood: keyof typeof codes, text: string): string =>
  io.colour ? `\u001b[${codes[mood]}m${text}\u001b[0m` : text

const painted = new RegExp(`${'\u001b'}\\[\\d+m`, 'g')

/** What is seen of a text. */
export const unpainted = (text: string): string => text.replace(painted, '')
