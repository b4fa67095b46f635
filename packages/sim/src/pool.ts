import { type ChildProcess, fork } from 'node:child_process'
import { type Cuts, noCuts } from './cuts.js'
import type { RunSlice } from './run.js'
import type { Outcome } from './simulate.js'
import type { SliceRequest } from './worker.js'

export interface Pool {
  readonly workers: readonly RunSlice[]
  close(): void
}

/** A world makes much that soon is garbage: with more room for what is new, less of it is copied about. */
const execArgv = [...process.execArgv, '--max-semi-space-size=128']

type Sent = Omit<Outcome, 'setting'> & {
  readonly setting: Omit<Outcome['setting'], 'has'> & { readonly has: readonly string[] }
}

/** Worker processes, each for as long as the pool lives. One that dies fails the run. */
export function startPool(size: number, zones: number | undefined, cuts: Cuts = noCuts): Pool {
  const children = Array.from({ length: size }, () => fork(new URL('./worker.js', import.meta.url), { execArgv }))
  return {
    workers: children.map(
      (child) =>
        (from, seeds): Promise<readonly Outcome[]> =>
          askSlice(child, { from, seeds, zones, cuts }),
    ),
    close: () => {
      for (const child of children) if (child.connected) child.disconnect()
    },
  }
}

function askSlice(child: ChildProcess, request: SliceRequest): Promise<readonly Outcome[]> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      child.off('message', answered)
      child.off('exit', died)
    }
    const answered = (sent: readonly Sent[]): void => {
      done()
      resolve(
        sent.map(
          ({ setting, ...outcome }) => ({ ...outcome, setting: { ...setting, has: new Set(setting.has) } }) as Outcome,
        ),
      )
    }
    const died = (code: number | null, signal: string | null): void => {
      done()
      reject(
        new Error(
          `a worker ended with ${signal ?? code} in seeds ${request.from} to ${request.from + request.seeds - 1}`,
        ),
      )
    }
    child.once('message', answered)
    child.once('exit', died)
    child.send(request)
  })
}
