import { Argument } from 'commander'
import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, noOutputs, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io, usageError } from '../io.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const path = '/_holdfast/rotation'
const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

/** `rotate status`: which authorities are believed, which of them signs, and which keys sign what. */
export async function rotateStatus(io: Io, api: Api, output: Output): Promise<number> {
  const [rotation, sealing] = await Promise.all([
    api.tell(path, 'authorities'),
    api.tell('/_holdfast/secrets', 'items'),
  ])
  const body = { ...rotation, dataKey: { sealed: sealing.sealed, active: sealing.activeKey, keys: sealing.items } }
  io.out.write(formatted(output, body, () => `${authoritiesText(rotation)}\n${keysText(rotation, sealing)}`))
  return exitStatus.fine
}

const authoritiesText = (body: JsonObject): string =>
  tableText(
    ['AUTHORITY', 'SIGNS', 'UNTIL', 'SHA-256'],
    objectsOf(body.authorities).map((one) => [
      textOf(one.number),
      one.signs === true ? 'yes' : 'no, believed',
      textOf(one.notAfter).slice(0, 10),
      textOf(one.fingerprint),
    ]),
  )

function keysText(rotation: JsonObject, sealing: JsonObject): string {
  const signing = objectsOf(rotation.signingKeys).map(({ kind, mesh, numbers }) => {
    const all = textsOf(numbers)
    return [
      `${textOf(kind)} tokens${textOf(mesh) === '' ? '' : ` of mesh ${textOf(mesh)}`}`,
      all.at(-1) ?? 'none',
      all.slice(0, -1).join(', '),
    ]
  })
  const active = String(sealing.activeKey)
  const others = objectsOf(sealing.items).map(({ keyId }) => String(keyId))
  const still = others.filter((keyId) => keyId !== active).join(', ')
  const data = sealing.sealed === true ? [['secrets at rest', active, still]] : []
  return tableText(['KEY OF', 'IN USE', 'STILL GOOD'], [...signing, ...data])
}

const next: Readonly<Record<string, string>> = {
  begin:
    'it is believed, and signs nothing yet: zones learn of it now, those that are away when they renew. Then: holdfastctl rotate authority switch',
  switch:
    'it signs from now on, and the one before is believed as well; sessions go on. Then: holdfastctl rotate authority finish',
  finish: 'it is the only one: what others have signed is void. Sessions go on.',
}

/** `rotate authority STEP`: one authority follows another without anybody being shut out. */
export async function rotateAuthority(
  io: Io,
  api: Api,
  { step, force, output }: { readonly step: string; readonly force: boolean; readonly output: Output },
): Promise<number> {
  const body = await api.post(`${path}/authority`, { step, force })
  const newest = textOf(objectsOf(body.authorities)[0]?.number)
  io.out.write(
    formatted(
      output,
      body,
      () => `authority ${newest}: ${next[step] ?? ''}\n\n${authoritiesText(body)}\n${zonesText(body)}`,
    ),
  )
  return exitStatus.fine
}

function zonesText(body: JsonObject): string {
  const numbers = new Map(objectsOf(body.authorities).map((one) => [textOf(one.fingerprint), textOf(one.number)]))
  return tableText(
    ['ZONE', 'BELIEVES', 'NOTE'],
    objectsOf(body.zones).map(({ zone, proof, problem }) => [
      textOf(zone),
      isObject(proof)
        ? textsOf(proof.believes)
            .map((one) => numbers.get(one) ?? 'another')
            .join(', ')
        : '?',
      textOf(problem),
    ]),
  )
}

export const rotateStatusCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['rotate status', 'authorities and keys by number; never what they are']],
  run: async ({ io, api, output }) => rotateStatus(io, await api(), output),
})

export const rotateAuthorityCommand = defineCommand<{ readonly force: boolean }>({
  configure: (command) =>
    command
      .addArgument(new Argument('<step>', 'the next step').choices(['begin', 'switch', 'finish']))
      .option('--force', 'although zones would be shut out until they have a new bundle', false),
  outputs: plainOutputs,
  more: `Three steps, with as much time between them as you like: begin makes an authority that is believed, switch lets it
sign, finish takes the old one away. Connected zones renew with each step; a step that would shut one out is refused.
A zone with several processes: those that stand by renew by themselves, so leave half a certificate's life after begin.`,
  examples: [
    ['rotate authority begin', 'a new authority is believed'],
    ['rotate authority switch', 'it signs'],
    ['rotate authority finish', 'the old one is gone'],
  ],
  run: async ({ io, api, output }, [step = ''], { force }) => rotateAuthority(io, await api(), { step, force, output }),
})

export const rotateSigningKeyCommand = defineCommand<{ readonly retire: boolean }>({
  configure: (command) =>
    command
      .addArgument(new Argument('<kind>', 'of which tokens').choices(['user', 'zone', 'dataplane']))
      .option('--retire', 'delete all but the newest: what they signed is void, yours perhaps among it', false),
  outputs: noOutputs,
  more: `The new key issues at once, and tokens of the ones before stay good until those are retired. With a new user key the
administrator's token (GlobalSecret admin-user-token) is a new one.`,
  examples: [
    ['rotate signing-key user', 'tokens of the old key stay good'],
    ['rotate signing-key user --retire', 'when everybody has a new one'],
    ['rotate signing-key dataplane -m demo', "of a mesh's Dataplanes"],
  ],
  run: async ({ io, api, meshIfSaid, mesh }, [kind = ''], { retire }) => {
    if (kind !== 'dataplane' && meshIfSaid !== undefined)
      throw usageError(`keys of ${kind} tokens are of no mesh: leave --mesh out`)
    const request = { kind, retire, ...(kind === 'dataplane' ? { mesh } : {}) }
    const { number, retired } = await (await api()).post(`${path}/signing-key`, request)
    const gone = textsOf(retired)
    const what = kind === 'dataplane' ? `dataplane tokens of mesh ${mesh}` : `${kind} tokens`
    io.out.write(
      retire
        ? `${gone.length === 1 ? `key ${gone[0]} of ${what} is gone: what it` : `keys ${gone.join(', ')} of ${what} are gone: what they`} signed is void; key ${textOf(number)} issues\n`
        : textOf(number) === '1'
          ? `key 1 issues ${what}: there was none before\n`
          : `key ${textOf(number)} issues ${what} from now on; those of the keys before stay good until 'holdfastctl rotate signing-key ${kind}${kind === 'dataplane' ? ` -m ${mesh}` : ''} --retire'\n`,
    )
    return exitStatus.fine
  },
})

export const rotateDataKeyCommand = defineCommand({
  outputs: noOutputs,
  examples: [['rotate data-key', 'then see with holdfastctl rotate status that nothing is under the old one']],
  run: async ({ io, api }) => {
    const { newKey, activeInSeconds } = await (await api()).post('/_holdfast/secrets/rotate', {})
    io.out.write(
      `data key ${String(newKey)} was made: used in ${String(activeInSeconds)} s, when every replica knows it, and then all secrets are brought under it; see 'holdfastctl rotate status'\n`,
    )
    return exitStatus.fine
  },
})
