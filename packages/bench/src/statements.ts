import { AsyncLocalStorage } from 'node:async_hooks'
import type { StatementCount } from '@holdfast/store'

export type Counts = Readonly<Record<string, number>>

/** What the clock asks for, not what is measured: the record of the sessions and what is refused or held, every few seconds. */
const clocked = new Set([
  'write heartbeats',
  'oldest refused',
  'refused counts',
  'open holds',
  'peer reports',
  'settled facts',
  'open forms',
  'zone objects',
])
/** The table that it is written in. */
export const clockedTable = 'heartbeats'

/** Counts the statements of one store by name, what runs on the clock apart. */
export class Statements {
  readonly #counts = new Map<string, number>()
  readonly #works = new AsyncLocalStorage<Map<string, number>>()
  #underWay = 0

  readonly note = ({ name }: StatementCount): void => {
    const work = this.#works.getStore()
    work?.set(name, (work.get(name) ?? 0) + 1)
    if (!clocked.has(name)) this.#counts.set(name, this.count(name) + 1)
  }

  readonly noteUnderWay = (change: 1 | -1): void => {
    this.#underWay += change
  }

  /** Statements, of those on the clock too, that have begun and not ended. */
  get underWay(): number {
    return this.#underWay
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** What this work asks for itself, whatever else goes on at this store meanwhile. */
  async of<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly statements: Counts }> {
    const counts = new Map<string, number>()
    const value = await this.#works.run(counts, work)
    return { value, statements: sorted(counts) }
  }

  /** Since the store was opened. */
  all(): Counts {
    return Object.fromEntries(this.#counts)
  }
}

const sorted = (counts: ReadonlyMap<string, number>): Counts =>
  Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)))

/** What has been added between two looks, by name and sorted; nothing where nothing was. */
export function added(before: Counts, after: Counts): Counts {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return Object.fromEntries(
    names.flatMap((name): [string, number][] => {
      const more = (after[name] ?? 0) - (before[name] ?? 0)
      return more === 0 ? [] : [[name, more]]
    }),
  )
}

export const total = (counts: Counts): number => Object.values(counts).reduce((sum, count) => sum + count, 0)

export const inWords = (counts: Counts): string =>
  Object.entries(counts)
    .map(([name, count]) => (count === 1 ? name : `${name} × ${count}`))
    .join(', ') || 'none'
