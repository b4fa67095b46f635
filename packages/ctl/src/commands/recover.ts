import { type Api, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { yesOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { paint } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

export interface RecoverOptions {
  readonly output: Output
  /** Without it nothing is changed. */
  readonly yes: boolean
}

/** `recover status`: what a global that recovers waits for. Exit status 3 while it does. */
export async function recoverStatus(io: Io, api: Api, { output }: Pick<RecoverOptions, 'output'>): Promise<number> {
  const body = await api.tell('/_holdfast/recovery', 'state')
  io.out.write(
    formatted(output, body, () =>
      [
        `the store is ${textOf(body.state)}`,
        ...lines(body.reasons).map((reason) => `  ${reason}`),
        ...objectsOf(body.waits).map(({ what, next }) => `${textOf(what)}\n  next: ${textOf(next)}`),
        '',
      ].join('\n'),
    ),
  )
  return body.state === 'ready' ? exitStatus.fine : exitStatus.differs
}

/**
 * `recover from-zone ZONE`: what global would get back from a zone; with `--yes` it does. Exit status 1 if something
 * cannot be restored.
 */
export async function recoverFromZone(
  io: Io,
  api: Api,
  options: RecoverOptions & { readonly zone: string },
): Promise<number> {
  const { zone, yes, output } = options
  const body = await api.post('/_holdfast/recovery/from-zone', { zone, apply: yes })
  io.out.write(formatted(output, body, () => planText(io, body)))
  return objectsOf(body.items).some(({ problem }) => textOf(problem) !== '') ? exitStatus.failed : exitStatus.fine
}

function planText(io: Io, body: JsonObject): string {
  const items = objectsOf(body.items)
  const zone = textOf(body.zone)
  const due = items.filter((item) => item.action !== 'keep' && textOf(item.problem) === '')
  const failing = items.filter((item) => textOf(item.problem) !== '')
  const notAsked = objectsOf(body.notAsked).map(
    (each) =>
      `zone ${textOf(each.zone)} could not be asked whether it remembers something else: ${textOf(each.reason)}`,
  )
  if (items.length === 0)
    return [`what zone ${zone} remembers of global is here already: nothing to do`, ...notAsked, ''].join('\n')
  return [
    tableText(
      ['ACTION', 'TYPE', 'MESH', 'NAME', 'ADDRESSES', 'WITNESS', 'WHY'],
      items.map((item) => [
        textOf(item.problem) === '' ? textOf(item.action) : 'cannot',
        textOf(item.type),
        textOf(item.mesh),
        textOf(item.name),
        lines(item.addresses).join(', '),
        textOf(item.witness),
        [textOf(item.problem) || textOf(item.reason), ...lines(item.conflicts)].join('; '),
      ]),
    ),
    ...notAsked,
    body.applied === true
      ? paint(io, failing.length === 0 ? 'good' : 'doubtful', `${due.length} done, ${failing.length} not possible`)
      : `${due.length} to do, ${failing.length} not possible; nothing was changed. Do it with: holdfastctl recover from-zone ${zone} --yes`,
    '',
  ].join('\n')
}

/** `recover finish`: serve again, whatever is still missing. */
export async function recoverFinish(io: Io, api: Api, { yes, output }: RecoverOptions): Promise<number> {
  const body = await api.post('/_holdfast/recovery/finish', { confirmed: yes })
  io.out.write(
    formatted(output, body, () =>
      body.finished === true
        ? [
            `the recovery is over; the store is ${textOf(body.state)}`,
            ...lines(body.lost).map((lost) => `  given up: ${lost}`),
            '',
          ].join('\n')
        : `there is no recovery to finish: the store is ${textOf(body.state)}\n`,
    ),
  )
  return exitStatus.fine
}

const lines = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

export const recoverStatusCommand = defineCommand({
  outputs: plainOutputs,
  more: 'Exit status 3 while it waits for something.',
  examples: [['recover status', 'what the recovery waits for']],
  run: async ({ io, api, output }) => recoverStatus(io, await api(), { output }),
})

export const recoverFromZoneCommand = defineCommand<{ readonly yes: boolean }>({
  configure: (command) => command.argument('<zone>').addOption(yesOption()),
  completes: ['zone'],
  outputs: plainOutputs,
  examples: [
    ['recover from-zone east', 'what would come back'],
    ['recover from-zone east --yes', 'do it'],
  ],
  run: async ({ io, api, output }, [zone = ''], { yes }) => recoverFromZone(io, await api(), { zone, yes, output }),
})

export const recoverFinishCommand = defineCommand<{ readonly yes: boolean }>({
  configure: (command) => command.option('--yes', 'although what it waits for is given up', false),
  outputs: plainOutputs,
  examples: [['recover finish', 'serve again; refused while something is still waited for']],
  run: async ({ io, api, output }, _, { yes }) => recoverFinish(io, await api(), { yes, output }),
})
