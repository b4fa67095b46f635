import { shownVips } from '@holdfast/model'
import { Option } from 'commander'
import { type Api, ApiFailure, isObject, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { durationMs } from '../cli/duration.js'
import { zoneOption } from '../cli/options.js'
import { CliError, exitStatus, usageError } from '../io.js'
import { zoneOf } from '../output/services.js'
import { resolve, type Wanted } from './resolve.js'
import { typeOfArgument } from './types.js'

interface WaitOptions {
  readonly for: 'synced' | 'vip' | 'deleted'
  readonly timeout: string
  readonly zone?: string
}

const pollMs = 500

/** What is still missing, in words; '' once it is as it should be. */
type Look = () => Promise<string>

/** `wait --for=…`: until it is so. Exit status 1, with what is still missing, when the time is over. */
async function waitFor(context: Context, words: readonly string[], o: WaitOptions): Promise<number> {
  const timeoutMs = durationMs(o.timeout)
  if (timeoutMs === undefined) throw usageError(`--timeout ${JSON.stringify(o.timeout)} is no duration such as 30s`)
  const { io } = context
  const look = lookOf(context, await context.api(), words, o)
  const endMs = io.nowMs() + timeoutMs
  for (;;) {
    const missing = await look()
    if (missing === '') return exitStatus.fine
    if (io.nowMs() + pollMs > endMs)
      throw new CliError(`not ${o.for} within ${o.timeout}: ${missing}; wait longer with --timeout`)
    await io.wait(pollMs)
  }
}

function lookOf(context: Context, api: Api, words: readonly string[], o: WaitOptions): Look {
  if (o.for === 'synced') return () => notInStep(api, words)
  const [word, name] = words
  if (word === undefined || name === undefined)
    throw usageError(`--for=${o.for} needs a type and a name, for example: wait --for=${o.for} meshservice web`)
  const wanted = { type: typeOfArgument(word), name, mesh: context.mesh, zone: o.zone }
  if (o.for === 'vip') {
    if (!wanted.type.vipKind) throw usageError(`a ${wanted.type.name} has no virtual IP; services have`)
    return async () => {
      const item = await resolve(api, wanted).catch(orAbsent)
      return item === undefined
        ? 'there is no such service yet'
        : shownVips(item).length > 0
          ? ''
          : 'it has no virtual IP yet'
    }
  }
  return goneLook(api, wanted)
}

/**
 * Whose it is, is settled by what is there first: at a zone its own, and once that is gone, one of the same name that another
 * zone has is not what was waited for.
 */
function goneLook(api: Api, wanted: Wanted): Look {
  let zone = wanted.zone
  return async () => {
    const item = await resolve(api, { ...wanted, zone }).catch(orAbsent)
    if (item === undefined) return ''
    zone ??= zoneOf(item) || undefined
    return `it is still there${zone === undefined ? '' : `, that of zone ${zone}`}`
  }
}

/** Who is not there is what is waited for; that nobody can be asked is not. */
function orAbsent(error: unknown): undefined {
  const absent = error instanceof CliError && !(error instanceof ApiFailure) && error.message.startsWith('there is no ')
  if (!absent) throw error
  return undefined
}

async function notInStep(api: Api, names: readonly string[]): Promise<string> {
  const peers = objectsOf((await api.tell('/_holdfast/sync', 'peers')).peers)
  const unknown = names.filter((name) => !peers.some(({ peer }) => peer === name))
  if (unknown.length > 0)
    throw usageError(
      `${unknown.join(', ')}: no such peer; there are ${peers.map(({ peer }) => textOf(peer)).join(', ') || 'none'}`,
    )
  if (peers.length === 0) return 'nobody has connected yet'
  return peers
    .filter(({ peer }) => names.length === 0 || names.includes(textOf(peer)))
    .flatMap((peer) => {
      const channels = objectsOf(peer.channels)
      if (peer.connected !== true)
        return [`${textOf(peer.peer)} is ${isObject(peer.paused) ? 'paused' : 'not connected'}`]
      const behind = channels.filter(({ inStep }) => inStep !== true).map(({ channel }) => textOf(channel))
      return channels.length === 0 || behind.length > 0 ? [`${textOf(peer.peer)} is behind (${behind.join(', ')})`] : []
    })
    .join('; ')
}

export const waitCommand = defineCommand<WaitOptions>({
  configure: (command) =>
    command
      .argument('[words...]', 'zones for synced, all if none is said; a type and a name for vip and deleted')
      .addOption(
        new Option('--for <what>', 'what to wait for').choices(['synced', 'vip', 'deleted']).makeOptionMandatory(),
      )
      .option('--timeout <duration>', 'how long', '60s')
      .addOption(zoneOption()),
  completes: ['type', 'name'],
  outputs: noOutputs,
  examples: [
    ['wait --for=synced', 'every peer is connected and in step'],
    ['wait --for=synced east --timeout 5m', 'one zone'],
    ['wait --for=vip meshservice web', 'the service has its address'],
    ['wait --for=deleted meshservice web', 'it is gone'],
  ],
  run: waitFor,
})
