import { type JsonObject, type MoveTarget, planMove } from '@holdfast/model'
import type { RecordedState } from '@holdfast/model/testing'
import { get } from '../faults.js'
import type { Plane } from '../mesh.js'
import { ownForm, recordedForm } from './differences.js'

/** Lists that say what is stored; the rest is computed from it. */
const listsOf = (state: RecordedState): readonly string[] =>
  Object.keys(state).filter((path) => !path.startsWith('zones'))

/** What an operator had made at a recorded control plane by then, made at ours. Answers what that is, by id. */
export async function makeOwn(plane: Plane, state: RecordedState, target: MoveTarget): Promise<ReadonlySet<string>> {
  const objects = listsOf(state).flatMap((path) => state[path] ?? [])
  const plan = planMove({ zone: target.zone, objects }, target)
  // A zone has made these itself, there as here.
  const moving = plan.moving.filter(({ type }) => target.mode === 'global' || type.name !== 'HostnameGenerator')
  if (moving.length === 0) return new Set()
  const response = await plane.api.inject({
    method: 'POST',
    url: '/_apply',
    headers: { 'content-type': 'application/json' },
    payload: JSON.stringify(moving.map(({ object }) => object)),
  })
  if (response.statusCode !== 200) throw new Error(`apply answered ${response.statusCode}: ${response.body}`)
  return new Set(moving.map(({ object }) => idOf(object)))
}

export const idOf = ({ type, mesh = '', name }: JsonObject): string => [type, mesh, name].map(String).join('/')

/** What both have of everything that the recording tells, in one order, without what is known to differ. */
export async function bothStates(plane: Plane, state: RecordedState) {
  const ours: JsonObject[] = []
  const theirs: JsonObject[] = []
  for (const path of listsOf(state)) {
    const recorded = new Map((state[path] ?? []).map((item) => [idOf(recordedForm(item)), item]))
    const { items } = await get<{ readonly items: readonly JsonObject[] }>(plane, `/${path}?size=1000`)
    ours.push(...items.map((item) => ownForm(item, recorded.get(idOf(item)))))
    theirs.push(...[...recorded.values()].map(recordedForm))
  }
  const inOrder = (items: readonly JsonObject[]) => items.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1))
  return { ours: inOrder(ours), theirs: inOrder(theirs) }
}
