import type { Labels } from '../labels.js'
import type { Violation } from '../problems.js'
import type { TypeDescriptor } from '../type-table.js'

export const quotaResourcesLabel = 'holdfast.io/quota-resources'
export const quotaBytesLabel = 'holdfast.io/quota-bytes'
export const quotaRateLabel = 'holdfast.io/quota-changes-per-minute'
/** `true`: a resource is not deleted by an operator before the label is taken off. */
export const protectionLabel = 'holdfast.io/delete-protection'

/** What global keeps of a zone at most; undefined: as much as the zone says. */
export interface Quota {
  readonly resources?: number | undefined
  /** Of the specs together. */
  readonly bytes?: number | undefined
  readonly changesPerMinute?: number | undefined
}

const fields = {
  resources: quotaResourcesLabel,
  bytes: quotaBytesLabel,
  changesPerMinute: quotaRateLabel,
} as const

const isCount = (value: string): boolean => /^[1-9][0-9]{0,14}$/.test(value)

/** The limits in the labels of a Zone; what is no number is left out here and named by `brakeViolations`. */
export const quotaOf = (labels: Labels): Quota =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([field, label]) => {
      const value = labels[label]
      return value === undefined || !isCount(value) ? [] : [[field, Number(value)]]
    }),
  )

export const isLimited = ({ resources, bytes, changesPerMinute }: Quota): boolean =>
  resources !== undefined || bytes !== undefined || changesPerMinute !== undefined

export const isProtected = (labels: Labels): boolean => labels[protectionLabel] === 'true'

/** Everything wrong with the brakes that a resource carries as labels. */
export function brakeViolations(type: TypeDescriptor, labels: Labels): readonly Violation[] {
  const quotas = Object.values(fields).flatMap((label) => {
    const value = labels[label]
    const path = `labels[${JSON.stringify(label)}]`
    if (value === undefined) return []
    if (type.name !== 'Zone')
      return [{ path, message: `limits a Zone; a ${type.name} has no quota: leave the label out` }]
    return isCount(value) ? [] : [{ path, message: 'must be a whole number of 1 or more, in digits' }]
  })
  const protection = labels[protectionLabel]
  if (protection === undefined || protection === 'true' || protection === 'false') return quotas
  return [...quotas, { path: `labels[${JSON.stringify(protectionLabel)}]`, message: 'must be true or false' }]
}
