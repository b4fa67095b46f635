import {
  audienceOfRaw,
  type DescribedType,
  describedTypeProblems,
  describedTypes,
  differenceOf,
  findType,
  type Json,
  jsonSpec,
  type LearnedTypes,
  learnedTypesMax,
  type ResourceKey,
  readLearnedTypes,
  typeOf,
  typeSetHash,
} from '@holdfast/model'
import { originWords } from './keys.js'
import { nothingNeeded } from './loaded.js'
import type { PlanOptions } from './local.js'
import type { Needs, RoleIdentity } from './types.js'
import type { Unit } from './unit.js'
import type { WorkingSet } from './working-set.js'

const typeName = 'LearnedTypes'

/** What a peer said of itself, as its message has it. */
export interface TypesOfPeer {
  readonly typeSet: string
  readonly types: readonly DescribedType[]
}

export interface Learned {
  /** Types that we do not know and now know enough of to pass on. */
  readonly learned: readonly string[]
  readonly refused: LearnedTypes['refused']
}

export const learnedTypesKey = (peer: string): ResourceKey => ({
  type: typeName,
  mesh: '',
  name: peer === '' ? 'global' : `zone-${peer}`,
})

const ownTypeSet = typeSetHash()

/** Whether a peer with this type set has nothing to say that is not remembered. */
export const isSaid = (learned: LearnedTypes | undefined, typeSet: string): boolean =>
  learned?.typeSet === typeSet && learned.against === ownTypeSet

/** Everything that was learned: what decides about resources of types that we do not know. */
export const needsOfLearned = (identity: RoleIdentity): Pick<Needs, 'wholeTypes'> => ({
  wholeTypes: [{ type: typeName, origin: identity.name }],
})

/** Rows are never changed in place: what one says is read once, whatever the number of resources that ask for it. */
const readBefore = new WeakMap<Uint8Array, LearnedTypes>()

function readOnce(spec: Uint8Array): LearnedTypes | undefined {
  const learned = readBefore.get(spec) ?? readLearnedTypes(spec)
  if (learned !== undefined) readBefore.set(spec, learned)
  return learned
}

const all = (ws: WorkingSet): readonly LearnedTypes[] =>
  ws.ofOrigin(typeName, ws.identity.name).flatMap((row) => (row.deleted ? [] : (readOnce(row.spec) ?? [])))

/** What is known of a type that this program does not know itself; undefined: nobody has described it. */
export function learnedType(name: string, ws: WorkingSet): DescribedType | undefined {
  if (findType(name) !== undefined) return undefined
  for (const { types } of all(ws)) for (const type of types) if (type.name === name) return type
  return undefined
}

/** Why nothing of this type is taken from this peer; undefined: it is. */
export const refusedTypeOf = (name: string, peer: string, ws: WorkingSet): string | undefined => {
  if (findType(name) !== undefined) return undefined
  const reason = all(ws)
    .find((learned) => learned.peer === peer)
    ?.refused.find((one) => one.name === name)?.reason
  return reason === undefined ? undefined : `the type ${name} is not taken from ${originWords(peer)}: ${reason}`
}

/** Remembers what a peer has described, and shows resources of those types to whom they are for, as one unit. */
export const learnUnit = (peer: string, said: TypesOfPeer, options: PlanOptions): Unit<Learned> => {
  const unknown = said.types.filter((type) => findType(type.name) === undefined)
  return {
    needs: {
      ...nothingNeeded,
      keys: [learnedTypesKey(peer)],
      wholeTypes: [
        ...needsOfLearned(options.identity).wholeTypes,
        ...unknown.slice(0, learnedTypesMax).flatMap(({ name }) => [
          { type: name, origin: 'foreign' as const },
          { type: name, origin: options.identity.name },
        ]),
      ],
    },
    more: () => nothingNeeded,
    plan: (ws) => ws.wholly(() => planLearn(peer, said, unknown, ws, options)),
  }
}

function planLearn(
  peer: string,
  { typeSet, types }: TypesOfPeer,
  unknown: readonly DescribedType[],
  ws: WorkingSet,
  options: PlanOptions,
): Learned {
  const others = all(ws).filter((learned) => learned.peer !== peer)
  const known = new Map(
    others.flatMap((learned) => learned.types.map((type) => [type.name, { type, by: learned.peer }])),
  )
  const accepted: DescribedType[] = []
  const refused: { name: string; reason: string }[] = []
  const names = new Set<string>()
  for (const type of unknown) {
    const name = type.name.slice(0, 64)
    const reason = names.has(type.name) ? 'it is described twice' : refusalOf(type, known, accepted.length)
    names.add(type.name)
    if (reason === undefined) accepted.push(type)
    // Of what is malformed without end nobody needs to see all.
    else if (refused.length < learnedTypesMax) refused.push({ name, reason })
  }
  // Ours stands, whatever a peer says of it; what does not fit is refused resource by resource.
  const own = new Map(describedTypes().map((type) => [type.name, type]))
  for (const type of types) {
    const ours = own.get(type.name)
    const difference = ours === undefined ? '' : differenceOf(ours, type)
    if (difference !== '' && refused.length < learnedTypesMax)
      refused.push({ name: type.name, reason: `this control plane knows it itself: ${difference}` })
  }
  remember({ peer, typeSet, against: ownTypeSet, types: accepted, refused }, ws, options)
  for (const type of accepted) showRaw(type, ws, options)
  return { learned: accepted.map(({ name }) => name), refused }
}

function refusalOf(
  type: DescribedType,
  known: ReadonlyMap<string, { readonly type: DescribedType; readonly by: string }>,
  count: number,
): string | undefined {
  const problems = [...describedTypeProblems(type)]
  if (problems.length > 0) return problems.join('; ')
  const other = known.get(type.name)
  if (other === undefined)
    return known.size + count >= learnedTypesMax
      ? `${learnedTypesMax} types that are not known here are kept at most`
      : undefined
  const difference = differenceOf(other.type, type)
  return difference === '' ? undefined : `it is not what ${originWords(other.by)} has described: ${difference}`
}

function remember(learned: LearnedTypes, ws: WorkingSet, { nowMs }: PlanOptions): void {
  const type = typeOf(typeName)
  const key = learnedTypesKey(learned.peer)
  const before = ws.row(key)
  ws.put({
    ...key,
    ...jsonSpec(type, JSON.parse(JSON.stringify(learned)) as Json),
    labels: {},
    origin: ws.identity.name,
    exportName: key.name,
    displayName: key.name,
    namespace: '',
    audience: 'none',
    revision: before?.revision ?? 0,
    deleted: false,
    createdAtMs: before?.createdAtMs ?? nowMs,
    modifiedAtMs: nowMs,
    statusRevision: before?.statusRevision ?? 0,
    exposed: false,
  })
}

/** Resources that came before their description, or whose description has changed: a change of views, so of the log. */
function showRaw(type: DescribedType, ws: WorkingSet, { nowMs }: PlanOptions): void {
  for (const row of ws.ofType(type.name)) {
    if (row.deleted || row.audience === 'suspended') continue
    const audience = audienceOfRaw(type, row)
    if (audience !== row.audience)
      ws.put({ ...row, audience, exposed: row.exposed || audience === 'all', modifiedAtMs: nowMs })
  }
}
