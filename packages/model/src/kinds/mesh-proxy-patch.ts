import { parse } from 'yaml'
import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { topFindings } from './policy.js'
import { policyColumns } from './policy-columns.js'
import { matchLabels } from './schema.js'
import { targetRef, topKinds } from './target-ref.js'

const ofResources = z.enum(['Add', 'Remove', 'Patch'])
const ofFilters = z.enum(['Remove', 'Patch', 'AddFirst', 'AddBefore', 'AddAfter', 'AddLast'])
const jsonPatches = z
  .array(
    z.looseObject({
      op: z.enum(['add', 'remove', 'replace', 'move', 'copy']),
      path: z.string(),
      value: z.unknown().optional(),
      from: z.string().optional(),
    }),
  )
  .optional()
const text = z.string().optional()
const change = { operation: ofResources, value: text, jsonPatches }
const filterChange = { operation: ofFilters, value: text, jsonPatches }
const filterMatch = z
  .looseObject({ origin: text, name: text, listenerName: text, listenerTags: matchLabels.optional() })
  .optional()
const modification = z.looseObject({
  cluster: z.looseObject({ match: z.looseObject({ origin: text, name: text }).optional(), ...change }).optional(),
  listener: z
    .looseObject({
      match: z.looseObject({ origin: text, name: text, tags: matchLabels.optional() }).optional(),
      ...change,
    })
    .optional(),
  networkFilter: z.looseObject({ match: filterMatch, ...filterChange }).optional(),
  httpFilter: z.looseObject({ match: filterMatch, ...filterChange }).optional(),
  virtualHost: z
    .looseObject({
      match: z.looseObject({ origin: text, name: text, routeConfigurationName: text }),
      ...change,
    })
    .optional(),
})
type Modification = z.infer<typeof modification>
type JsonPatches = NonNullable<z.infer<typeof jsonPatches>>

interface Change {
  readonly match?: { readonly name?: string | undefined } | undefined
  readonly operation: z.infer<typeof ofResources> | z.infer<typeof ofFilters>
  readonly value?: string | undefined
  readonly jsonPatches?: JsonPatches | undefined
}

/** Changes of the generated Envoy configuration. The Envoy resources themselves are Envoy's to judge. */
const schema = z.looseObject({
  targetRef: targetRef.optional(),
  default: z.looseObject({ appendModifications: z.array(modification).optional() }),
})

export type MeshProxyPatchSpec = z.infer<typeof schema>
export const meshProxyPatchKind = keptKind('MeshProxyPatch', schema, findings, policyColumns)

const members = ['cluster', 'listener', 'virtualHost', 'networkFilter', 'httpFilter'] as const

function* findings({ targetRef: top, default: given }: MeshProxyPatchSpec): Iterable<Finding> {
  yield* topFindings(top, { kinds: topKinds })
  const path = 'spec.default.appendModifications'
  const modifications: readonly Modification[] = given.appendModifications ?? []
  if (modifications.length === 0) yield strict(path, 'must not be empty')
  for (const [index, each] of modifications.entries()) {
    const said = members.filter((member) => each[member] !== undefined)
    const [member] = said
    if (member === undefined || said.length > 1)
      yield strict(
        `${path}[${index}]`,
        `exactly one modification can be defined at a time. Currently, ${said.length} modifications are defined`,
      )
    else yield* changeFindings(`${path}[${index}].${member}`, member, each[member] as Change)
  }
}

function* changeFindings(path: string, member: (typeof members)[number], change: Change): Iterable<Finding> {
  const isFilter = member === 'networkFilter' || member === 'httpFilter'
  const { operation: act, match, value } = change
  switch (act) {
    case 'Add':
      if (member === 'virtualHost' && match?.name !== undefined)
        yield strict(`${path}.match.name`, 'must not be defined')
      if (member !== 'virtualHost' && match !== undefined) yield strict(`${path}.match`, 'must not be defined')
      yield* valueFindings(`${path}.value`, value)
      return
    case 'AddFirst':
    case 'AddLast':
      yield* valueFindings(`${path}.value`, value)
      return
    case 'AddBefore':
    case 'AddAfter':
      if (match?.name === undefined) {
        const place = act === 'AddBefore' ? 'before' : 'after'
        yield strict(
          `${path}.match.name`,
          `must be defined. You need to pick a filter ${place} which this one will be added`,
        )
      }
      yield* valueFindings(`${path}.value`, value)
      return
    case 'Patch':
      if (isFilter && match?.name === undefined) yield strict(`${path}.match.name`, 'must be defined')
      yield* patchFindings(path, member, change)
      return
    case 'Remove':
      if (value !== undefined) yield strict(`${path}.value`, 'must not be defined')
  }
}

function* patchFindings(path: string, member: string, { value, jsonPatches: patches = [] }: Change): Iterable<Finding> {
  if (value !== undefined) {
    if (patches.length > 0) yield strict(path, `${member} must have only one type defined: value, jsonPatches`)
    else yield* valueFindings(`${path}.value`, value)
    return
  }
  if (patches.length === 0) yield strict(path, `${member} must have exactly one defined: value, jsonPatches`)
  for (const [index, { op, from, value: patched, path: to }] of patches.entries()) {
    const at = `${path}.jsonPatches[${index}]`
    const moves = op === 'move' || op === 'copy'
    const sets = op === 'add' || op === 'replace'
    if (moves && from === undefined)
      yield strict(`${at}.from`, '"from" must not be empty when "op" is one of ["move", "copy"]')
    if (!moves && from !== undefined)
      yield strict(`${at}.from`, '"from" is allowed only when "op" is one of ["move", "copy"]')
    if (sets && patched === undefined)
      yield strict(`${at}.value`, '"value" must not be empty when "op" is one of ["add", "replace"]')
    if (!sets && patched !== undefined)
      yield strict(`${at}.value`, '"value" is allowed only when "op" is one of ["add", "replace"]')
    if (op === 'remove' && (to === '' || to === '/')) yield strict(`${at}.path`, 'root path cannot be removed')
  }
}

/** Text in YAML that is an object; what Envoy has no field for, Envoy says. */
function* valueFindings(path: string, value: string | undefined): Iterable<Finding> {
  if (value === undefined) {
    yield strict(path, 'must be defined')
    return
  }
  const reason = yamlProblem(value)
  if (reason !== undefined) yield strict(path, `native Envoy resource is not valid: ${reason}`)
}

function yamlProblem(value: string): string | undefined {
  try {
    const read: unknown = parse(value, { maxAliasCount: 0 })
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? undefined : 'it is not an object'
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  }
}
