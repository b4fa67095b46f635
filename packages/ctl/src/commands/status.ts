import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { watchOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { paint, unpainted } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'
import { brakeText } from './brakes.js'

/** `status`: one page of either role. Exit status 3 while something waits for a person. */
export async function status(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const body = await api.tell('/_holdfast/overview', 'attention')
  io.out.write(formatted(options.output, body, () => statusText(io, body)))
  return objectsOf(body.attention).length === 0 ? exitStatus.fine : exitStatus.differs
}

function statusText(io: Io, body: JsonObject): string {
  const attention = objectsOf(body.attention)
  return [
    `${titleOf(body)}: ${stateText(io, body)}`,
    ...(body.state === 'ready' ? [] : linesOf(body.reasons).map((reason) => `  ${reason}`)),
    headText(body),
    ...(isObject(body.readOnly)
      ? [`  ${paint(io, 'doubtful', `read-only, set ${brakeText(body.readOnly, io.nowMs())}`)}`]
      : []),
    '',
    ...[peersText(io, body), blocksText(body)].filter((text) => text !== ''),
    attention.length === 0
      ? `${paint(io, 'good', 'nothing waits for a decision')}\n`
      : [
          paint(io, 'bad', `${attention.length} thing${attention.length === 1 ? ' waits' : 's wait'} for somebody`),
          ...attention.map((each) => attentionText(io, each)),
          '',
        ].join('\n'),
  ].join('\n')
}

const titleOf = (body: JsonObject): string =>
  body.mode === 'global' ? 'global' : `zone ${textOf(body.zone)} (${textOf(body.mode)})`

const stateText = (io: Io, { state }: JsonObject): string =>
  paint(io, state === 'ready' ? 'good' : 'bad', textOf(state))

const linesOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

function headText(body: JsonObject): string {
  const head = isObject(body.head) ? body.head : {}
  return [
    `  store ${textOf(body.storeId)}, log ${textOf(head.epoch).slice(0, 8)}, revision ${String(head.revision)}`,
    `  ${String(body.resources)} resources, ${String(body.refused)} refused, ${String(body.held)} held, ${String(body.pendingVips)} without a virtual IP`,
  ].join('\n')
}

function peersText(io: Io, body: JsonObject): string {
  const peers = objectsOf(body.peers)
  if (peers.length === 0) return body.mode === 'standalone' ? '' : 'no peers\n'
  return tableText(
    ['PEER', 'CONNECTED', 'IN STEP', 'LAG', 'PROVEN', 'REFUSED', 'HELD', 'LAST ERROR'],
    peers.map((peer) => {
      const channels = objectsOf(peer.channels)
      const diverged = channels.some(({ phase }) => phase === 'diverged')
      const inStep = channels.length > 0 && channels.every((channel) => channel.inStep === true)
      const lags = channels.flatMap(({ lagSeconds }) => (typeof lagSeconds === 'number' ? [lagSeconds] : []))
      const proven = channels.map(({ provenEqualAt }) => textOf(provenEqualAt)).sort()[0]
      return [
        `${textOf(peer.peer)}${peer.kuma === true ? ' (Kuma)' : ''}`,
        peer.connected === true ? ageText(peer.since, io.nowMs()) : isObject(peer.paused) ? 'paused' : 'no',
        diverged ? 'diverged' : inStep ? 'yes' : 'no',
        lags.length === 0 ? '' : `${Math.max(...lags)}s`,
        peer.kuma === true ? '' : ageText(proven, io.nowMs()),
        String(peer.refused),
        String(peer.held),
        peer.connected === true ? '' : shortened(textOf(peer.lastError)),
      ]
    }),
  )
}

/** The whole of it stands below, with what to do; a row is to be a row. */
const shortened = (text: string): string => (text.length > errorMax ? `${text.slice(0, errorMax - 1)}…` : text)
const errorMax = 60

function blocksText(body: JsonObject): string {
  const blocks = objectsOf(body.blocks).filter(({ cidr }) => !textOf(cidr).includes(':'))
  if (blocks.length === 0) return 'no VIP blocks\n'
  return tableText(
    ['BLOCK', 'KIND', 'OWNER', 'USED', 'LOAD'],
    blocks.map((block) => [
      textOf(block.cidr),
      textOf(block.kind),
      textOf(block.zone) || 'global',
      String(block.used),
      `${(Number(block.load) * 100).toFixed(1)} %`,
    ]),
  )
}

const attentionText = (io: Io, { what, since, next }: JsonObject): string =>
  [
    `  ${textOf(what)}${typeof since === 'string' ? ` (for ${ageText(since, io.nowMs())})` : ''}`,
    `    next: ${textOf(next)}`,
  ].join('\n')

const refreshMs = 2_000
/** Back to the first column of the first line, and nothing below. What was above the window stays there to be read. */
const clear = '\u001b[H\u001b[2J'

/** `status -w`: on a terminal one screen that is renewed, elsewhere one page after the other. Until interrupted. */
async function statusAgain(io: Io, api: Api, output: Output): Promise<number> {
  for (let round = 0; ; round++) {
    // A control plane that is away for a moment is what somebody watches for.
    const body = await api.tell('/_holdfast/overview', 'attention').catch((error: unknown) => {
      if (io.signal.aborted) throw error
      return error as Error
    })
    const text =
      body instanceof Error
        ? `${paint(io, 'bad', body.message)}\n`
        : formatted(output, body, () => statusText(io, body))
    io.out.write(io.terminal === undefined ? `${round === 0 ? '' : '\n'}${text}` : `${clear}${fitting(io, text)}`)
    try {
      await io.wait(refreshMs)
    } catch {
      return exitStatus.fine
    }
  }
}

/** What a screen holds; the end of a page is what waits for somebody, so the middle is left out. */
function fitting({ terminal }: Io, text: string): string {
  const lines = text.trimEnd().split('\n')
  const { rows = 0, columns = 0 } = terminal ?? {}
  const free = rows - 1
  if (free < 4 || rowsOf(lines, columns) <= free) return text
  const half = Math.floor((free - 1) / 2)
  const above = countWithin(half, lines, columns)
  const below = countWithin(half, lines.toReversed(), columns)
  const left = lines.length - above - below
  return [
    ...lines.slice(0, above),
    `… ${left} more lines: make the window higher`,
    ...lines.slice(lines.length - below),
    '',
  ].join('\n')
}

/** What is longer than the window is wide goes on in its next row. */
const rowsOf = (lines: readonly string[], columns: number): number =>
  lines.reduce((sum, line) => sum + Math.max(1, columns > 0 ? Math.ceil(unpainted(line).length / columns) : 1), 0)

function countWithin(rows: number, lines: readonly string[], columns: number): number {
  let count = 0
  while (count < lines.length && rowsOf(lines.slice(0, count + 1), columns) <= rows) count += 1
  return count
}

export const statusCommand = defineCommand<{ readonly watch: boolean }>({
  configure: (command) => command.addOption(watchOption('renew it every two seconds')),
  outputs: plainOutputs,
  more: 'Exit status 3 while something waits for somebody.',
  examples: [
    ['status', 'how everything stands, and what waits for a decision'],
    ['status -w', 'again and again'],
  ],
  run: async ({ io, api, output }, _, { watch }) =>
    watch ? statusAgain(io, await api(), output) : status(io, await api(), { output }),
})
