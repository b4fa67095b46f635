import { fileURLToPath } from 'node:url'
import { type ControlPlane, holdfastctl, joinFlags, until } from '@holdfast/testkit'
import { counter, differences, inStep, peers, type SeenService, services, writtenRows } from './observe.js'
import type { Report, Story } from './report.js'
import type { Stage } from './stage.js'
import { changesTable, servicesTable } from './tables.js'

const example = (name: string): string => fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
const withinMs = 20_000

interface Mesh {
  readonly global: ControlPlane
  readonly east: ControlPlane
  readonly west: ControlPlane
  readonly all: readonly ControlPlane[]
}

type Views = ReadonlyMap<string, ReadonlyMap<string, SeenService>>

/** The main job, step by step, on real input. Throws only if a step cannot be done; what is not as it should be is checked. */
export async function act(
  stage: Stage,
  story: Story,
  signal: AbortSignal,
): Promise<{ readonly report: Report; readonly planes: readonly ControlPlane[] }> {
  story.step('starting PostgreSQL with three databases')
  const urls = await stage.database(['global', 'east', 'west'])
  const url = (name: string): string => urls.get(name) ?? ''

  story.step('starting global and the zones east and west')
  const global = await stage.controlPlane('global', 'global', url('global'), [])
  const proxy = await stage.proxy(global.ports.kds ?? 0)
  const joined = async (zone: string, port: number): Promise<ControlPlane> =>
    stage.controlPlane(zone, 'zone', url(zone), await joinFlags(global, zone, { port, folder: stage.folder, signal }))
  const [east, west] = await Promise.all([joined('east', proxy.port), joined('west', global.ports.kds ?? 0)])
  const mesh: Mesh = { global, east, west, all: [global, east, west] }
  await allInStep(mesh, signal)

  story.step('applying the Online Boutique to east and Bookinfo to west, from the upstream manifests')
  await Promise.all([
    holdfastctl(east.apiUrl, ['apply', '-f', example('online-boutique.k8s.yaml')], { signal }),
    holdfastctl(west.apiUrl, ['apply', '-f', example('bookinfo.k8s.yaml')], { signal }),
  ])
  const first = await agreed(mesh, 16, signal)
  const vipsDiffering = differences(first).length
  const shown = first.get('west') ?? new Map()
  process.stdout.write(servicesTable(shown, vipsDiffering))
  story.check(
    'global and both zones know all 16 services',
    [...first.values()].every((view) => view.size === 16),
  )
  story.check(
    'each service has a VIP, the same one everywhere',
    vipsDiffering === 0 && [...shown.values()].every((s) => s.vips.length > 0),
  )

  const idle = await idleReconnect(mesh, proxy, story, signal)
  const afterIdle = await viewsOf(mesh)
  const fault = await faultReconnect(mesh, proxy, story, signal)

  const vipsChanged = moved(first, afterIdle) + fault.vipsChanged
  const report: Report = {
    services: shown.size,
    zones: 2,
    vipsChanged,
    vipsDiffering: vipsDiffering + fault.vipsDiffering,
    idleReconnect: idle,
    faultReconnect: {
      vipsChanged: fault.vipsChanged,
      resourcesSent: fault.resourcesSent,
      rowsWritten: fault.rowsWritten,
    },
    ok: story.checks.every((c) => c.held),
  }
  return { report, planes: mesh.all }
}

type Proxy = Awaited<ReturnType<Stage['proxy']>>

async function idleReconnect(
  mesh: Mesh,
  proxy: Proxy,
  story: Story,
  signal: AbortSignal,
): Promise<Report['idleReconnect']> {
  story.step('reconnecting east with nothing changed')
  await allInStep(mesh, signal)
  const [before] = await peers(mesh.east)
  const rowsBefore = await writtenRows(mesh.all)
  await proxy.refuse()
  proxy.cut('reset')
  await until(
    async () => !inStep((await peers(mesh.east))[0]) || (await peers(mesh.east))[0]?.sessionId !== before?.sessionId,
    {
      what: 'east to notice that the link is gone',
      withinMs,
      signal,
    },
  )
  await proxy.restore()
  await until(
    async () => {
      const [now] = await peers(mesh.east)
      return now?.sessionId !== before?.sessionId && inStep(now)
    },
    { what: 'east to be back in step', withinMs, signal },
  )
  await allInStep(mesh, signal)
  const [after] = await peers(mesh.east)
  const rowsWritten = (await writtenRows(mesh.all)) - rowsBefore
  const kdsBytes = after?.bytesToProven ?? Number.NaN
  story.check(`the reconnect wrote ${rowsWritten} rows in all three databases together`, rowsWritten === 0)
  story.check(`it took ${kdsBytes} bytes of KDS in both directions together (at most 2048)`, kdsBytes <= 2048)
  return { rowsWritten, kdsBytes }
}

interface FaultResult {
  readonly vipsChanged: number
  readonly vipsDiffering: number
  readonly resourcesSent: number
  readonly rowsWritten: number
}

/** What is said on a link is counted at the zones: global is killed on the way, and its counters with it. */
const saidByAndTo = async (zone: ControlPlane): Promise<number> =>
  (await counter(zone, 'holdfast_kds_resources_total', { event: 'sent' })) +
  (await counter(zone, 'holdfast_kds_resources_total', { event: 'received' }))

async function faultReconnect(mesh: Mesh, proxy: Proxy, story: Story, signal: AbortSignal): Promise<FaultResult> {
  story.step('cutting east off, then changing services on both sides: one added, one changed, one deleted on each')
  const before = await viewsOf(mesh)
  const rowsBefore = await writtenRows(mesh.all)
  const saidBefore = (await saidByAndTo(mesh.east)) + (await saidByAndTo(mesh.west))
  await proxy.refuse()
  proxy.cut('reset')
  await until(async () => !inStep((await peers(mesh.east))[0]), { what: 'east to notice the cut', withinMs, signal })
  await change(mesh.east, { add: 'wishlistservice', change: 'adservice', remove: 'shippingservice' }, signal)
  await change(mesh.west, { add: 'payments', change: 'ratings', remove: 'details' }, signal)
  await until(async () => (await services(mesh.global)).has('west/default/payments'), {
    what: 'global to have the changes of west',
    withinMs,
    signal,
  })
  await allButEastInStep(mesh, signal)
  story.step('killing global with SIGKILL and starting it again')
  await mesh.global.kill()
  await mesh.global.start()
  story.step('restoring the link')
  await proxy.restore()
  const after = await agreed(mesh, 16, signal)
  await allInStep(mesh, signal)

  const rowsWritten = (await writtenRows(mesh.all)) - rowsBefore
  const resourcesSent = (await saidByAndTo(mesh.east)) + (await saidByAndTo(mesh.west)) - saidBefore
  const vipsChanged = moved(before, after)
  const vipsDiffering = differences(after).length
  process.stdout.write(changesTable(before.get('west') ?? new Map(), after.get('west') ?? new Map()))
  story.check(`VIPs changed: ${vipsChanged}`, vipsChanged === 0)
  story.check(`VIPs that differ between control planes: ${vipsDiffering}`, vipsDiffering === 0)
  // Six changes, each said once up by its zone and once down to the other one.
  story.check(
    `only what had changed was sent: ${resourcesSent} resources and removals for 6 changes on 2 hops`,
    resourcesSent === 12,
  )
  return { vipsChanged, vipsDiffering, resourcesSent, rowsWritten }
}

async function change(
  zone: ControlPlane,
  what: { readonly add: string; readonly change: string; readonly remove: string },
  signal: AbortSignal,
): Promise<void> {
  await holdfastctl(zone.apiUrl, ['apply', '-f', '-'], { signal, input: serviceYaml(what.add, 8080) })
  await holdfastctl(zone.apiUrl, ['apply', '-f', '-'], { signal, input: serviceYaml(what.change, 9999) })
  await holdfastctl(zone.apiUrl, ['delete', 'meshservice', what.remove], { signal })
}

const serviceYaml = (name: string, port: number): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  selector:\n    app: ${name}\n  ports:\n  - name: http\n    port: ${port}\n`

async function viewsOf(mesh: Mesh): Promise<Views> {
  return new Map(await Promise.all(mesh.all.map(async (plane) => [plane.name, await services(plane)] as const)))
}

/** Waits until all control planes tell the same of the same number of services, none without a VIP. */
async function agreed(mesh: Mesh, count: number, signal: AbortSignal): Promise<Views> {
  let views: Views = new Map()
  await until(
    async () => {
      views = await viewsOf(mesh)
      const complete = [...views.values()].every(
        (v) => v.size === count && [...v.values()].every((s) => s.vips.length > 0),
      )
      return complete && differences(views).length === 0
    },
    { what: `all control planes to agree on ${count} services`, withinMs, signal },
  ).catch((error: unknown) => {
    throw new Error(
      `${(error as Error).message}: ${[...views].map(([n, v]) => `${n} knows ${v.size}`).join(', ')}; ${differences(views).join('; ')}`,
    )
  })
  return views
}

/** What west has said is acked: what is sent after the restart of global was not sent before it. */
async function allButEastInStep(mesh: Mesh, signal: AbortSignal): Promise<void> {
  await until(async () => inStep((await peers(mesh.west))[0]), { what: 'west to be in step', withinMs, signal })
}

async function allInStep(mesh: Mesh, signal: AbortSignal): Promise<void> {
  await until(
    async () => {
      const zones = await Promise.all([mesh.east, mesh.west].map(async (z) => inStep((await peers(z))[0])))
      const atGlobal = (await peers(mesh.global)).filter(inStep)
      return zones.every((z) => z) && atGlobal.length === 2
    },
    { what: 'both zones to be in step with global', withinMs, signal },
  )
}

/** How many services that are in both views have another address in any control plane. */
function moved(before: Views, after: Views): number {
  const keys = new Set<string>()
  for (const [plane, view] of before)
    for (const [key, service] of view) {
      const now = after.get(plane)?.get(key)
      if (now !== undefined && now.vips.join() !== service.vips.join()) keys.add(key)
    }
  return keys.size
}
