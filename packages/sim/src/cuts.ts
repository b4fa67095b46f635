import type { Feature } from './setting.js'
import { featureFrom } from './setting.js'

/**
 * What is left out of a seed, so that what remains of its story is short: the rest happens as it would have. `faults` and
 * `acts`: only these happen, by their numbers.
 */
export interface Cuts {
  readonly zones?: number | undefined
  readonly replicas?: number | undefined
  readonly stormMs?: number | undefined
  readonly faults?: readonly number[] | undefined
  readonly acts?: readonly number[] | undefined
  readonly without?: readonly Feature[] | undefined
  /** What it has although it would not: not left out, but what remains is shorter where only few seeds have it. */
  readonly with?: readonly Feature[] | undefined
}

export const noCuts: Cuts = {}

/** `zones=2 storm=3500 faults=3,7 acts=1-4,9 without=restore`; '' for none. */
export const cutsText = ({ zones, replicas, stormMs, faults, acts, without, with: forced }: Cuts): string =>
  [
    zones === undefined ? '' : `zones=${zones}`,
    replicas === undefined ? '' : `replicas=${replicas}`,
    stormMs === undefined ? '' : `storm=${stormMs}`,
    faults === undefined ? '' : `faults=${rangesText(faults)}`,
    acts === undefined ? '' : `acts=${rangesText(acts)}`,
    without === undefined || without.length === 0 ? '' : `without=${without.join(',')}`,
    forced === undefined || forced.length === 0 ? '' : `with=${forced.join(',')}`,
  ]
    .filter((part) => part !== '')
    .join(' ')

function rangesText(numbers: readonly number[]): string {
  if (numbers.length === 0) return 'none'
  const parts: string[] = []
  for (let at = 0; at < numbers.length; ) {
    let end = at
    while (numbers[end + 1] === (numbers[end] ?? 0) + 1) end++
    parts.push(end === at ? String(numbers[at]) : `${numbers[at]}-${numbers[end]}`)
    at = end + 1
  }
  return parts.join(',')
}

/** The reverse of `cutsText`. Throws an error that names what it does not understand. */
export function cutsFrom(text: string): Cuts {
  const cuts: { -readonly [K in keyof Cuts]: Cuts[K] } = {}
  for (const part of text.split(/\s+/).filter((word) => word !== '')) {
    const [name = '', value = ''] = part.split('=')
    switch (name) {
      case 'zones':
        cuts.zones = numberFrom(value, part)
        break
      case 'replicas':
        cuts.replicas = numberFrom(value, part)
        break
      case 'storm':
        cuts.stormMs = numberFrom(value, part)
        break
      case 'faults':
        cuts.faults = rangesFrom(value, part)
        break
      case 'acts':
        cuts.acts = rangesFrom(value, part)
        break
      case 'without':
        cuts.without = value.split(',').map((word) => featureFrom(word))
        break
      case 'with':
        cuts.with = value.split(',').map((word) => featureFrom(word))
        break
      default:
        throw new Error(`"${part}" is no cut: zones=, replicas=, storm=, faults=, acts=, without= and with= are`)
    }
  }
  return cuts
}

const rangesFrom = (value: string, part: string): readonly number[] =>
  value === 'none'
    ? []
    : value.split(',').flatMap((range) => {
        const [low = '', high = low] = range.split('-')
        const [first, last] = [numberFrom(low, part), numberFrom(high, part)]
        return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at)
      })

function numberFrom(text: string, part: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`"${part}" is no cut: "${text}" is not a whole number`)
  return Number(text)
}
