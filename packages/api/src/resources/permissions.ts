import { originLabel, type TypeDescriptor, type Violation, type Writer } from '@holdfast/model'
import type { Row } from '@holdfast/store'
import { cannotAccessType } from '../http/access.js'
import type { Actor, Mode } from '../options.js'

const onGlobal =
  "On global control plane you can not modify dataplane resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify them on the zone control plane.\n"
const onZone =
  "On zone control plane you can only modify zone resources with 'kumactl apply' or via the HTTP API. You can still use 'kumactl' or the HTTP API to modify the rest of the resource on the global control plane.\n"

/** When they do, and what an operator may do instead. */
const reasons: Readonly<Record<string, string>> = {
  VipPool: ', when global is initialised (--vip-pool)',
  VipBlock: ', when global leases addresses',
  GlobalEndpoints: ', when global starts (--advertised-address)',
  LearnedTypes: ', when a peer has types that are not known here',
}

/**
 * Why nobody may write resources of this type here, in Kuma's words; undefined if it may be written. A control plane
 * writes only what it provides: global not what describes zones, a federated zone not what global decides.
 */
export function readOnlyReason(type: TypeDescriptor, mode: Mode): string | undefined {
  if (type.internal)
    return `${type.name} is written by the control planes themselves${reasons[type.name] ?? ''}; see it with 'holdfastctl get ${type.path}'\n`
  const provided: Readonly<Record<Mode, boolean>> = {
    global: type.providedByGlobal,
    federated: type.providedByZone,
    standalone: true,
  }
  if (!type.readOnly && provided[mode]) return undefined
  return mode === 'global' ? onGlobal : onZone
}

/** The same of one object of a list, in our own words: where it is written instead. Only where `readOnlyReason` has one. */
export function writtenElsewhere(type: TypeDescriptor, mode: Mode): string {
  if (type.internal) return (readOnlyReason(type, mode) ?? '').trim()
  if (type.readOnly) return `a ${type.name} is written by the control planes themselves; nobody applies one`
  return mode === 'global'
    ? `a ${type.name} is written in the zone that has it: apply it at the control plane of that zone (--url or --context)`
    : `a ${type.name} is written at global, and every zone gets it from there: apply it at global (--url or --context)`
}

/** This control plane as the one that is asked to write. */
export const writerOf = (mode: Mode, zone: string): Writer =>
  mode === 'global' ? { role: 'global' } : { role: 'zone', zone, federated: mode === 'federated' }

/** What is wrong with deleting this resource here: it belongs to another control plane. */
export function deleteProblems(type: TypeDescriptor, mode: Mode, zone: string, row: Row): readonly Violation[] {
  const mustBe = (own: string): readonly Violation[] => [
    { path: `[${JSON.stringify(originLabel)}]`, message: `the origin label must be set to '${own}'` },
  ]
  if (mode === 'global') return row.origin === '' ? [] : mustBe('global')
  return mode === 'federated' && type.style === 'B' && row.origin !== zone ? mustBe('zone') : []
}

/** Secrets are for administrators, whatever the verb. Throws 403 in Kuma's words. */
export function checkAccess(type: Pick<TypeDescriptor, 'name' | 'admin'>, actor: Actor): void {
  if (!type.admin || actor.admin) return
  throw cannotAccessType(actor, type.name)
}
