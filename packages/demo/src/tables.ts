import type { ControlPlane } from '@holdfast/testkit'
import Table from 'cli-table3'
import type { SeenService } from './observe.js'

const bare = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const drawn = new Table({
    head: [...head],
    chars: bare,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) drawn.push([...row])
  return `${drawn.toString()}\n`
}

/** Service, zone, VIP and hostname as a zone that did not make it sees it. */
export function servicesTable(view: ReadonlyMap<string, SeenService>, differing: number): string {
  const rows = [...view.values()]
    .sort((a, b) => a.zone.localeCompare(b.zone) || a.name.localeCompare(b.name))
    .map((s) => [s.name, s.zone, s.vips.join(' '), s.hostnames.join(' ')])
  return `${table(['SERVICE', 'ZONE', 'VIP', 'HOSTNAME'], rows)}the same in global and both zones: ${differing === 0 ? 'all' : `all but ${differing}`}\n`
}

/** Before and after a fault, one row per service that was, is, or both. */
export function changesTable(
  before: ReadonlyMap<string, SeenService>,
  after: ReadonlyMap<string, SeenService>,
): string {
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort()
  const rows = keys.map((key) => {
    const was = before.get(key)?.vips.join(' ')
    const is = after.get(key)?.vips.join(' ')
    const what = was === undefined ? 'added' : is === undefined ? 'deleted' : was === is ? 'same' : 'MOVED'
    return [key, was ?? '-', is ?? '-', what]
  })
  return table(['SERVICE', 'BEFORE', 'AFTER', ''], rows)
}

export const keptText = (planes: readonly ControlPlane[]): string =>
  [
    '',
    'The mesh stays up until Ctrl-C. Talk to it:',
    ...planes.map((p) => `  pnpm holdfastctl --url ${p.apiUrl} get meshservices      # ${p.name}`),
    ...planes.slice(0, 1).map((p) => `  pnpm holdfastctl --url ${p.apiUrl} inspect zones`),
    ...planes.slice(0, 1).map((p) => `  pnpm holdfastctl --url ${p.apiUrl} vip verify`),
    ...planes.map((p) => `  log of ${p.name}: ${p.logFile}`),
    '',
  ].join('\n')
