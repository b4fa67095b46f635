import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const headers = ['TYPE', 'SAID BY', 'RESOURCES', 'TAKEN', 'REASON']

/** `inspect types`: types that this control plane does not know, who has described them, and what was not taken. */
export async function inspectTypes(io: Io, api: Api, options: { readonly output: Output }): Promise<number> {
  const body = await api.tell('/_holdfast/types', 'items')
  io.out.write(formatted(options.output, body, () => typesText(objectsOf(body.items))))
  return exitStatus.fine
}

function typesText(peers: readonly JsonObject[]): string {
  const rows = peers.flatMap((peer) => [
    ...objectsOf(peer.types).map((type) => [
      textOf(type.name),
      textOf(peer.peer),
      String(type.resources ?? 0),
      type.known === true ? 'known by now' : 'as it comes',
      '',
    ]),
    ...objectsOf(peer.refused).map((one) => [textOf(one.name), textOf(peer.peer), '', 'NO', textOf(one.reason)]),
  ])
  return rows.length === 0 ? 'Every type that a peer has is known here.\n' : tableText(headers, rows)
}

export const inspectTypesCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['inspect types', 'types that only peers know']],
  run: async ({ io, api, output }) => inspectTypes(io, await api(), { output }),
})
