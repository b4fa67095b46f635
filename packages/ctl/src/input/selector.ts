import { isObject, type JsonObject } from '../api.js'
import { usageError } from '../io.js'

/** One condition of a label selector. */
type Condition = {
  readonly key: string
  readonly values: readonly string[]
  readonly test: 'in' | 'notIn' | 'exists' | 'absent'
}

export interface Selector {
  /** What the control plane can look for itself: `filter[labels.KEY]=VALUE`. */
  readonly query: Readonly<Record<string, string>>
  readonly matches: (item: JsonObject) => boolean
}

const term = /^\s*(!?)\s*([\w./-]+)\s*(?:(==|=|!=)\s*([\w.-]*)|\s(in|notin)\s*\(([^)]*)\))?\s*$/

/** Kubernetes' words: `a=b,c!=d,e,!f,g in (h,i)`. Throws a usage error that names the part that is none. */
export function selectorOf(text: string): Selector {
  const conditions = text.split(/,(?![^(]*\))/).map((part): Condition => {
    const [, not, key = '', sign, value = '', word, list = ''] = term.exec(part) ?? []
    const odd = key === '' || (not === '!' && (sign !== undefined || word !== undefined))
    if (odd)
      throw usageError(
        `the selector ${JSON.stringify(part.trim())} is none; examples: app=web, app!=web, app, !app, app in (web,api)`,
      )
    if (word !== undefined) {
      const values = list.split(',').map((each) => each.trim())
      return { key, values, test: word === 'in' ? 'in' : 'notIn' }
    }
    if (sign === undefined) return { key, values: [], test: not === '!' ? 'absent' : 'exists' }
    return { key, values: [value], test: sign === '!=' ? 'notIn' : 'in' }
  })
  return {
    query: Object.fromEntries(
      conditions.flatMap(({ key, values, test }): [string, string][] =>
        test === 'in' && values.length === 1 ? [[`filter[labels.${key}]`, values[0] ?? '']] : [],
      ),
    ),
    matches: (item) => {
      const labels = isObject(item.labels) ? item.labels : {}
      return conditions.every(({ key, values, test }) => holds(test, labels[key], values))
    },
  }
}

function holds(test: Condition['test'], value: unknown, values: readonly string[]): boolean {
  const isIn = typeof value === 'string' && values.includes(value)
  return test === 'in' ? isIn : test === 'notIn' ? !isIn : test === 'exists' ? value !== undefined : value === undefined
}
