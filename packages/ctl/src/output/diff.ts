import { createTwoFilesPatch } from 'diff'
import { isObject, type JsonObject } from '../api.js'
import { authored } from '../changes/authored.js'
import type { Io } from '../io.js'
import { paint } from './colour.js'
import { yamlText } from './format.js'

/** Of keys in another order nobody has to think: below the first level they are sorted. */
const sorted = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(sorted)
    : isObject(value)
      ? Object.fromEntries(
          Object.keys(value)
            .sort()
            .map((key) => [key, sorted(value[key])]),
        )
      : value

/** A unified diff of two resources as YAML; '' where their authored parts are the same. */
export function resourceDiff(
  io: Pick<Io, 'colour'>,
  title: string,
  before: JsonObject | undefined,
  after: JsonObject | undefined,
): string {
  const [one, other] = [before, after].map((each) => {
    const shown = authored(each)
    return shown === undefined
      ? ''
      : yamlText(Object.fromEntries(Object.entries(shown).map(([key, value]) => [key, sorted(value)])))
  })
  if (one === other) return ''
  const patch = createTwoFilesPatch(`now/${title}`, `then/${title}`, one ?? '', other ?? '', undefined, undefined, {
    context: 3,
  })
  return patch
    .split('\n')
    .slice(1)
    .map((line) =>
      line.startsWith('+') ? paint(io as Io, 'good', line) : line.startsWith('-') ? paint(io as Io, 'bad', line) : line,
    )
    .join('\n')
}
