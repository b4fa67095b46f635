import { columnsOfKind, type TypeDescriptor } from '@holdfast/model'
import { type JsonObject, objectOf, textOf } from '../api.js'
import { ageText } from './age.js'
import { displayNameOf, zoneOf } from './services.js'

/** One column of a table of resources. */
export interface Column {
  readonly header: string
  readonly value: (item: JsonObject, nowMs: number) => string
  /** Only with `-o wide`. */
  readonly isWide?: boolean
}

const age: Column = { header: 'AGE', value: (item, nowMs) => ageText(item.modificationTime, nowMs) }
const name: Column = { header: 'NAME', value: displayNameOf }
const zone: Column = { header: 'ZONE', value: zoneOf }
const mesh: Column = { header: 'MESH', value: (item) => textOf(item.mesh) }
const labels: Column = {
  header: 'LABELS',
  isWide: true,
  // Those that every resource has say nothing about one.
  value: (item) =>
    Object.entries(objectOf(item.labels))
      .filter(([key]) => !/^(k8s\.)?kuma\.io\//.test(key))
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(','),
}
const storedAs: Column = { header: 'STORED AS', isWide: true, value: (item) => textOf(item.name) }

/** Columns of a type: who it is, what its kind shows of itself, and what everything has at the end. */
export function columnsOf(type: TypeDescriptor): readonly Column[] {
  const own = columnsOfKind(type)
  // Services are known by their names; their age is no news, and is in everybody else's table.
  if (type.vipKind) return [name, zone, mesh, ...own, labels, storedAs, { ...age, isWide: true }]
  if (type.scope === 'mesh') return [mesh, name, zone, ...own, labels, storedAs, age]
  return type.hashed ? [name, zone, ...own, labels, storedAs, age] : [name, ...own, labels, age]
}
