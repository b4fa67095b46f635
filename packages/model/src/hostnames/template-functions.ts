import type { Value } from './template-parser.js'

/** What a template can call. A function returns its value, or an Error that says why there is none. */
type TemplateFunction = (args: readonly Value[], label: (key: string) => string | undefined) => Value | Error

const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  [
    'label',
    ([key, ...more], label) => {
      if (typeof key !== 'string' || more.length > 0) return new Error('wants one argument, the key of a label')
      return label(key) ?? new Error(`label ${key} not found`)
    },
  ],
  ['and', (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) ?? missing()],
  ['or', (args) => args.find(isTrue) ?? args.at(-1) ?? missing()],
  ['not', ([arg, ...more]) => (arg === undefined || more.length > 0 ? missing() : !isTrue(arg))],
  ['eq', ([first, ...others]) => compare(first, others, (other) => other === first)],
  ['ne', ([first, ...others]) => (others.length > 1 ? missing() : compare(first, others, (other) => other !== first))],
  [
    'len',
    ([text, ...more]) =>
      typeof text === 'string' && more.length === 0 ? Buffer.byteLength(text) : new Error('wants one text'),
  ],
  ['print', (args) => args.map(String).join('')],
  ['printf', ([format, ...args]) => (typeof format === 'string' ? printf(format, args) : missing())],
])

/** Go has them; host names have not needed them. */
const goFunctions = new Set(['call', 'html', 'index', 'slice', 'js', 'println', 'urlquery', 'lt', 'le', 'gt', 'ge'])

export const isFunction = (name: string): boolean => functions.has(name)
export const isGoFunction = (name: string): boolean => goFunctions.has(name)

/** As Go's `if` sees it: false, 0 and '' are not. */
export const isTrue = (value: Value): boolean => value !== false && value !== 0 && value !== ''

export const callFunction = (
  name: string,
  args: readonly Value[],
  label: (key: string) => string | undefined,
): Value | Error => functions.get(name)?.(args, label) ?? new Error(`function "${name}" not defined`)

const missing = (): Error => new Error('wrong number of arguments')

function compare(first: Value | undefined, others: readonly Value[], test: (other: Value) => boolean): Value | Error {
  if (first === undefined || others.length === 0) return missing()
  if (others.some((other) => typeof other !== typeof first)) return new Error('incompatible types for comparison')
  return others.some(test)
}

function printf(format: string, args: readonly Value[]): Value | Error {
  let next = 0
  let unsupported: string | undefined
  const text = format.replace(/%(.?)/gsu, (whole, verb: string) => {
    if (verb === '%') return '%'
    const arg = args[next++]
    if (verb === 'q' && typeof arg === 'string') return JSON.stringify(arg)
    if (arg !== undefined && (verb === 'v' || verb === (typeof arg === 'string' ? 's' : 'd'))) return String(arg)
    unsupported ??= whole
    return ''
  })
  if (unsupported !== undefined) return new Error(`"${unsupported}" is not supported here or has no fitting argument`)
  return next === args.length ? text : new Error('more arguments than verbs')
}
