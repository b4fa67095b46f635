import type { LocalChange } from '@holdfast/store'
import { changedServices, mulberry32, services } from '../services.js'

type Put = Extract<LocalChange, { change: 'put' }>

/** `few-big`: 40 ports and 30 labels each; `many-small`: one port each; `churny`: as in real meshes, and changing. */
export const shapes = ['few-big', 'many-small', 'churny'] as const
export type Shape = (typeof shapes)[number]

export interface LoadOptions {
  readonly shape: Shape
  readonly seed: number
  readonly zone: string
  readonly services: number
}

const sortOf = { 'few-big': 'big', 'many-small': 'small', churny: 'mixed' } as const
/** Of all services, in one step of a churny load. */
const changedShare = 0.01

/** All services as they are at first; the same seed gives the same, to the byte. */
export const loadOf = ({ shape, seed, zone, services: count }: LoadOptions): readonly Put[] =>
  services({ seed, zone, count, sort: sortOf[shape] })

/**
 * What changes in one step of a churny load: a hundredth of the services, at least one, and the first ones much more often than
 * the others, as a few services of a mesh are always being rolled out.
 * @param step from 1 on; each service says in it what no step before has said
 */
export function stepOf({ seed, zone, services: count, shape }: LoadOptions, step: number): readonly Put[] {
  const chance = mulberry32(seed * 31 + step)
  const wanted = Math.min(count, Math.max(1, Math.round(count * changedShare)))
  const numbers = new Set<number>()
  while (numbers.size < wanted) numbers.add(Math.floor(chance() ** 3 * count))
  const changed = changedServices({ seed, zone, count, sort: sortOf[shape] }, 1 + (step % 8))
  return [...numbers].sort((a, b) => a - b).flatMap((number) => changed[number] ?? [])
}

/** As the API and `holdfastctl apply` take it. */
export const documentOf = ({ key, content }: Put): object => ({
  ...key,
  labels: content.labels,
  spec: JSON.parse(Buffer.from(content.spec).toString('utf8')) as unknown,
})
