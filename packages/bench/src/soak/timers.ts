import { createHook } from 'node:async_hooks'

/** Where each timer that is armed now was armed: what is left over has a name then. */
export interface TimerWatch {
  /** How many are armed, by the place in the code that armed them. */
  armed(): Readonly<Record<string, number>>
  stop(): void
}

const framesMax = 8

export function watchTimers(): TimerWatch {
  const armedBy = new Map<number, { readonly stack?: string }>()
  const hook = createHook({
    init: (id, type) => {
      if (type !== 'Timeout') return
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = framesMax
      const where: { stack?: string } = {}
      // Formatted only when somebody looks.
      Error.captureStackTrace(where)
      Error.stackTraceLimit = limit
      armedBy.set(id, where)
    },
    destroy: (id) => {
      armedBy.delete(id)
    },
  }).enable()
  return {
    armed: () => {
      const counts: Record<string, number> = {}
      for (const { stack } of armedBy.values()) {
        const place = placeOf(stack ?? '')
        counts[place] = (counts[place] ?? 0) + 1
      }
      return counts
    },
    stop: () => {
      hook.disable()
    },
  }
}

/** The first frame that is neither Node's nor this file's, without the folder that the checkout lies in. */
const placeOf = (stack: string): string => {
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '))
  const ours = frames.find((line) => !line.includes('node:') && !/soak\/timers\.(js|ts)/.test(line))
  return ours?.replace(/^ *at /, '').replace(/(file:\/\/)?\/[^\s)]*\/(packages|node_modules)\//, '') ?? 'Node itself'
}
