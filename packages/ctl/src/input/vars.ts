import Mustache from 'mustache'
import { CliError, usageError } from '../io.js'
import type { Source } from './sources.js'

/** `k=v` of `--var`; dotted names nest, as in kumactl. Throws a usage error for what is none. */
export function varsOf(said: readonly string[]): Readonly<Record<string, unknown>> {
  const vars: Record<string, unknown> = {}
  for (const each of said) {
    const at = each.indexOf('=')
    if (at < 1) throw usageError(`--var ${JSON.stringify(each)} is no NAME=VALUE`)
    const names = each.slice(0, at).split('.')
    let level = vars
    for (const name of names.slice(0, -1)) {
      const deeper = level[name]
      if (typeof deeper === 'string')
        throw usageError(`--var ${each}: ${name} has a value already, and cannot have parts`)
      const next = (deeper ?? {}) as Record<string, unknown>
      level[name] = next
      level = next
    }
    level[names.at(-1) ?? ''] = each.slice(at + 1)
  }
  return vars
}

type Token = readonly [kind: string, value: string, start: number, end: number, ...rest: unknown[]]

/**
 * Sources as mustache templates. A variable that has no value is an error with its place: kumactl puts nothing there,
 * which has made resources of nobody's wish. Values are put in as they are, without HTML's escapes.
 */
export function rendered(sources: readonly Source[], vars: Readonly<Record<string, unknown>>): readonly Source[] {
  const problems: string[] = []
  const result = sources.map((source) => {
    try {
      const missing = missingIn(Mustache.parse(source.text) as unknown as readonly Token[], vars)
      for (const [name, offset] of missing)
        problems.push(`${placeOf(source, offset)}: the template variable ${name} has no value; say --var ${name}=VALUE`)
      return { ...source, text: Mustache.render(source.text, vars, undefined, { escape: String }) }
    } catch (error) {
      problems.push(`${source.file}: ${(error as Error).message}`)
      return source
    }
  })
  if (problems.length > 0)
    throw new CliError(
      `${problems.length} problem${problems.length === 1 ? '' : 's'}, nothing was done:\n${problems.join('\n')}`,
    )
  return result
}

function missingIn(
  tokens: readonly Token[],
  vars: Readonly<Record<string, unknown>>,
): readonly (readonly [string, number])[] {
  return tokens.flatMap(([kind, value, start, , children]) => {
    // What a section is without, it leaves out: that is what sections are for.
    if (kind === 'name' || kind === '&') return given(vars, value) === undefined ? [[value, start] as const] : []
    if (kind === '#' && given(vars, value) !== undefined) return missingIn(children as readonly Token[], vars)
    if (kind === '^' && given(vars, value) === undefined) return missingIn(children as readonly Token[], vars)
    return []
  })
}

const given = (vars: Readonly<Record<string, unknown>>, path: string): unknown =>
  path === '.'
    ? vars
    : path
        .split('.')
        .reduce<unknown>(
          (level, name) =>
            typeof level === 'object' && level !== null && Object.hasOwn(level, name)
              ? (level as Record<string, unknown>)[name]
              : undefined,
          vars,
        )

function placeOf({ file, text }: Source, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return `${file}:${before.length}:${(before.at(-1) ?? '').length + 1}`
}
