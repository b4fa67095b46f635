import {
  column,
  isShownObject,
  type KindColumn,
  type Shown,
  shownObjects,
  shownSpec,
  shownStatus,
  shownText,
  wideColumn,
} from './columns.js'

/** Addresses in the status of a service, whichever form it has. */
export function shownVips(item: Shown): readonly string[] {
  const { vips, vip } = shownStatus(item)
  const all = shownObjects(vips).map(({ ip }) => shownText(ip))
  return all.length > 0 || !isShownObject(vip) ? all : [shownText(vip.ip)].filter((ip) => ip !== '')
}

export const shownHostnames = (item: Shown): readonly string[] =>
  shownObjects(shownStatus(item).addresses).map(({ hostname }) => shownText(hostname))

/** `Suspended` where its mesh is gone, `Pending` while it waits for a VIP, `Held` and `Refused` as they say; else what its origin says of its proxies. */
export function shownState(item: Shown): string {
  const reasons = shownObjects(shownStatus(item).conditions).map(({ reason }) => reason)
  if (reasons.includes('MeshMissing')) return 'Suspended'
  if (reasons.includes('Pending')) return 'Pending'
  if (reasons.includes('Held')) return 'Held'
  if (reasons.includes('Refused')) return 'Refused'
  return shownText(shownSpec(item).state)
}

/** What services are asked for most, and at which ports they answer. */
export const serviceColumns: readonly KindColumn[] = [
  column('VIP', (item) => shownVips(item).join(', ')),
  column('HOSTNAME', (item) => shownHostnames(item).join(', ')),
  column('STATE', shownState),
  wideColumn('PORTS', (item) =>
    [...shownObjects(shownSpec(item).ports), ...shownObjects([shownSpec(item).match])]
      .map(
        ({ port, appProtocol, protocol }) =>
          `${String(port)}/${shownText(appProtocol) || shownText(protocol) || 'tcp'}`,
      )
      .join(', '),
  ),
]
