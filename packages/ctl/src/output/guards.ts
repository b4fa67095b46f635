import { type JsonObject, textOf } from '../api.js'

/** One line of text for each thing that is not as it should be with a resource. */
export const guardLines = (guards: readonly JsonObject[]): readonly string[] =>
  guards.map((guard) => {
    const by = textOf(guard.by) === 'global' ? 'global' : `zone ${textOf(guard.by)}`
    const since = textOf(guard.since)
    const reason = textOf(guard.reason)
    switch (textOf(guard.state)) {
      case 'refused':
        return `refused by ${by} since ${since}, which keeps its last good version: ${reason}`
      case 'held':
        return `held by ${by} since ${since}, see holdfastctl hold show ${textOf(guard.hold)}: ${reason}`
      default:
        return `kept by ${by} since ${since} although it is not offered any more, see holdfastctl hold show ${textOf(guard.hold)}: ${reason}`
    }
  })
