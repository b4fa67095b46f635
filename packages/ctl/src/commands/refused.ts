import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

/** `refused list`: what this control plane does not take from its peers, and what they do not take from it. */
export async function refusedList(io: Io, api: Api, { output }: { readonly output: Output }): Promise<number> {
  const [body, { controlPlane }] = await Promise.all([
    api.tell('/_holdfast/refused', 'items'),
    api.get('/_holdfast/status'),
  ])
  io.out.write(
    formatted(output, body, () => {
      const here = objectsOf(body.items).map((row) => line(row, textOf(controlPlane), io.nowMs()))
      const peers = objectsOf(body.byPeers)
      const there = peers.flatMap((peer) =>
        objectsOf(peer.refused).map((row) => line(row, textOf(peer.by), io.nowMs())),
      )
      const more = peers.flatMap((peer) => {
        const unnamed = Number(peer.refusedTotal) - objectsOf(peer.refused).length
        return unnamed > 0 ? [`… and ${unnamed} more that ${textOf(peer.by)} refuses; ask it with --url\n`] : []
      })
      return [
        tableText(['REFUSED BY', 'TYPE', 'MESH', 'NAME', 'SINCE', 'TRIES', 'NEXT TRY', 'REASON'], [...here, ...there]),
        ...more,
      ].join('')
    }),
  )
  return exitStatus.fine
}

const line = (row: JsonObject, by: string, nowMs: number): readonly string[] => [
  by,
  textOf(row.type),
  textOf(row.mesh),
  textOf(row.name),
  ageText(row.since, nowMs),
  String(row.tries),
  inText(row.nextTry, nowMs),
  [textOf(row.reason), ...(textOf(row.remembered) === '' ? [] : [`remembered: ${textOf(row.remembered)}`])].join('; '),
]

/** How long until a time; the next connection asks at once for what is due. */
function inText(time: unknown, nowMs: number): string {
  const ms = typeof time === 'string' ? Date.parse(time) : Number.NaN
  if (Number.isNaN(ms)) return ''
  return ms <= nowMs ? 'now' : `in ${ageText(new Date(nowMs - (ms - nowMs)).toISOString(), nowMs)}`
}

export const refusedListCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['refused list', 'here and at every peer, with reason and next try']],
  run: async ({ io, api, output }) => refusedList(io, await api(), { output }),
})
