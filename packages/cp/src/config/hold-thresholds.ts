import { findType } from '@holdfast/model'
import type { HoldThreshold, HoldThresholds } from '@holdfast/store'
import { z } from 'zod'

/** `MeshService=50/30%`: 50 of it, or 30 % of what there is, whichever is more. */
const entryPattern = /^([A-Za-z]+)=(\d+)\/(\d+(?:\.\d+)?)%$/

const threshold = z.strictObject({
  count: z.number('must be a number of resources').int().min(0, 'must be 0 or more'),
  share: z
    .number('must be a share of what there is, such as 0.3')
    .min(0, 'must be between 0 and 1')
    .max(1, 'must be between 0 and 1'),
})

/** Flags and environment say it as texts, a file as a mapping. Everything that is wrong is told at once. */
export const holdThresholds = z.unknown().transform((given, context): HoldThresholds => {
  const found: Record<string, HoldThreshold> = {}
  const complain = (message: string): void => {
    context.addIssue({ code: 'custom', message })
  }
  const entries = Array.isArray(given) ? given.map((text) => entryOf(text, complain)) : mappingOf(given, complain)
  for (const entry of entries) {
    if (entry === undefined) continue
    const [type, value] = entry
    const problem = typeProblem(type) ?? (Object.hasOwn(found, type) ? `${type} is set twice` : undefined)
    if (problem !== undefined) complain(problem)
    const parsed = threshold.safeParse(value)
    if (parsed.success) found[type] = parsed.data
    else for (const issue of parsed.error.issues) complain(`${[type, ...issue.path].join('.')} ${issue.message}`)
  }
  return found
})

type Entry = readonly [type: string, value: unknown]

function entryOf(text: unknown, complain: (message: string) => void): Entry | undefined {
  const match = typeof text === 'string' ? entryPattern.exec(text) : null
  if (match !== null) return [match[1] ?? '', { count: Number(match[2]), share: Number(match[3]) / 100 }]
  complain(`must be TYPE=COUNT/SHARE%, for example MeshService=50/30%, not ${JSON.stringify(text)}`)
  return undefined
}

function mappingOf(given: unknown, complain: (message: string) => void): readonly Entry[] {
  if (typeof given === 'object' && given !== null) return Object.entries(given)
  complain('must be a mapping of types such as {MeshService: {count: 50, share: 0.3}}')
  return []
}

function typeProblem(type: string): string | undefined {
  if (type === 'default') return undefined
  if (type === 'Mesh') return 'Mesh has no threshold: a mesh that is absent is always held'
  return findType(type) === undefined ? `${JSON.stringify(type)} is no type of resource, nor "default"` : undefined
}
