import { type Api, ApiFailure, type JsonObject, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { durationMs } from '../cli/duration.js'
import { yesOption } from '../cli/options.js'
import { CliError, exitStatus, usageError } from '../io.js'
import { formatted } from '../output/format.js'
import { noSuchZone } from './zone-describe.js'

interface DrainOptions {
  readonly yes: boolean
  readonly timeout: string
}

const pollMs = 500

const orNoSuchZone =
  (api: Api, zone: string) =>
  (error: unknown): never => {
    throw error instanceof ApiFailure && error.httpStatus === 404 ? noSuchZone(api, zone) : error
  }

/**
 * `zone drain ZONE`: the zone is disabled, so that no other one sends traffic to it any more, and this waits until each of
 * those that are connected has stored that. Its services, names and addresses are its own and come back with `zone undrain`.
 * Exit status 1 with those that are missing when the time is over; the zone stays drained then.
 */
async function drain(context: Context, zone: string, enabled: boolean, o: DrainOptions): Promise<number> {
  const timeoutMs = durationMs(o.timeout)
  if (timeoutMs === undefined) throw usageError(`--timeout ${JSON.stringify(o.timeout)} is no duration such as 30s`)
  const { io, output } = context
  const api = await context.api()
  const path = `/zones/${encodeURIComponent(zone)}`
  const { body: before, headers } = await api.call('GET', path).catch(orNoSuchZone(api, zone))
  const services = await countOf(api, zone)
  const others = (await peersBut(api, zone)).filter(({ connected }) => connected === true)
  const report = { zone, enabled, changed: (before.enabled !== false) !== enabled, meshServices: services }
  if (!o.yes) {
    const told = others.map(({ peer }) => textOf(peer))
    io.out.write(
      formatted(output, { ...report, zones: told }, () =>
        [
          `zone ${zone} would be ${enabled ? 'shown to' : 'hidden from'} ${told.join(', ') || 'nobody: no other zone is connected'}, with its ${services} MeshService${services === 1 ? '' : 's'}; addresses stay`,
          'nothing was changed; run it again with --yes to do so',
          '',
        ].join('\n'),
      ),
    )
    return exitStatus.fine
  }
  if (report.changed) {
    const etag = headers.get('etag')
    await api.call('PUT', path, {
      body: { ...before, enabled },
      headers: etag === null ? {} : { 'if-match': etag },
    })
  }
  const { head } = await api.tell('/_holdfast/status', 'head')
  const revision = Number((head as JsonObject).revision)
  const endMs = io.nowMs() + timeoutMs
  for (;;) {
    const behind = (await peersBut(api, zone)).filter((peer) => peer.connected === true && !hasStored(peer, revision))
    if (behind.length === 0) break
    const names = behind.map(({ peer }) => textOf(peer)).join(', ')
    if (io.nowMs() + pollMs > endMs)
      throw new CliError(
        `zone ${zone} is ${enabled ? 'enabled' : 'disabled'}, but not stored within ${o.timeout} by ${names}; see 'holdfastctl status', or run it again`,
      )
    await io.wait(pollMs)
  }
  const away = (await peersBut(api, zone)).filter(({ connected }) => connected !== true).map(({ peer }) => textOf(peer))
  io.out.write(
    formatted(output, { ...report, zones: others.map(({ peer }) => textOf(peer)), away }, () =>
      [
        enabled
          ? `zone ${zone} is shown to all others again, with the addresses it had`
          : `zone ${zone} is drained: no connected zone sees its ${services} MeshService${services === 1 ? '' : 's'} any more, its addresses stay its own`,
        ...(away.length === 0 ? [] : [`not connected, told when they are back: ${away.join(', ')}`]),
        ...(enabled ? [] : [`to end it: holdfastctl zone undrain ${zone} --yes`]),
        '',
      ].join('\n'),
    ),
  )
  return exitStatus.fine
}

const peersBut = async (api: Api, zone: string): Promise<readonly JsonObject[]> =>
  objectsOf((await api.tell('/_holdfast/sync', 'peers')).peers).filter(({ peer }) => peer !== zone)

/** It has acknowledged everything up to there; a plain Kuma zone says no position, only that nothing is under way. */
function hasStored(peer: JsonObject, revision: number): boolean {
  const down = objectsOf(peer.channels).find(({ channel }) => channel === 'down')
  if (down?.inStep !== true) return false
  const { cursor } = down as { readonly cursor?: { readonly revision?: number } | null }
  return peer.kuma === true || (cursor?.revision ?? -1) >= revision
}

async function countOf(api: Api, zone: string): Promise<number> {
  const query = new URLSearchParams({ 'filter[labels.kuma.io/zone]': zone, size: '1' })
  return Number((await api.get(`/meshservices?${query}`)).total ?? 0)
}

const drainCommand = (enabled: boolean, example: string, more: string) =>
  defineCommand<DrainOptions>({
    configure: (command) =>
      command
        .argument('<zone>')
        .addOption(yesOption())
        .option('--timeout <duration>', 'how long to wait for the other zones', '60s'),
    completes: ['zone'],
    outputs: plainOutputs,
    more,
    examples: [
      [example, 'what would happen'],
      [`${example} --yes`, 'do it, and wait until the others have stored it'],
    ],
    run: (context, [zone = ''], options) => drain(context, zone, enabled, options),
  })

export const zoneDrainCommand = drainCommand(
  false,
  'zone drain east',
  'The zone keeps its session, its services and their addresses; only the others do not see them meanwhile.',
)
export const zoneUndrainCommand = drainCommand(true, 'zone undrain east', 'The addresses are those of before.')
