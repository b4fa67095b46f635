import { type Api, isObject, type JsonObject, textOf } from '../api.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted } from '../output/format.js'

const reasonWords = ['--reason <text>', 'why, for whoever finds it so'] as const

/** `by alice for 3m: the link is being moved`, of something that somebody has stopped. */
export const brakeText = (brake: JsonObject, nowMs: number): string =>
  `by ${textOf(brake.by)} for ${ageText(brake.since, nowMs)}${textOf(brake.reason) === '' ? '' : `: ${textOf(brake.reason)}`}`

async function setPause({ io, api, output }: Context, zone: string, paused: boolean, reason: string): Promise<number> {
  const path = `/_holdfast/zones/${encodeURIComponent(zone)}/${paused ? 'pause' : 'resume'}`
  const done = await (await api()).post(path, paused && reason !== '' ? { reason } : {})
  io.out.write(
    formatted(output, done, () => {
      if (!paused)
        return done.changed === true
          ? `zone ${zone} may join again: it asks within seconds, and goes on where it was\n`
          : `zone ${zone} was not paused; nothing changed\n`
      const brake = isObject(done.paused) ? done.paused : {}
      return done.changed === true
        ? `zone ${zone} is paused: nothing is taken from it and nothing is sent to it; it serves what it has, with the addresses it has\nto end it: holdfastctl zone resume ${zone}\n`
        : `zone ${zone} was paused before, ${brakeText(brake, io.nowMs())}; nothing changed\n`
    }),
  )
  return exitStatus.fine
}

export const zonePauseCommand = defineCommand<{ readonly reason?: string }>({
  configure: (command) => command.argument('<zone>').option(...reasonWords),
  completes: ['zone'],
  outputs: plainOutputs,
  more: 'Nothing of the zone is removed or held, and its addresses stay; others keep what they have of it.',
  examples: [['zone pause east --reason maintenance', 'until zone resume']],
  run: (context, [zone = ''], { reason = '' }) => setPause(context, zone, true, reason),
})

export const zoneResumeCommand = defineCommand({
  configure: (command) => command.argument('<zone>'),
  completes: ['zone'],
  outputs: plainOutputs,
  examples: [['zone resume east', 'it goes on where it was']],
  run: (context, [zone = '']) => setPause(context, zone, false, ''),
})

const readOnlyPath = '/_holdfast/read-only'

const readOnlyText = (body: JsonObject, nowMs: number): string =>
  isObject(body.readOnly)
    ? `read-only, set ${brakeText(body.readOnly, nowMs)}\n`
    : 'not read-only: operators may change things\n'

async function setReadOnly({ io, api, output }: Context, ask: (api: Api) => Promise<JsonObject>): Promise<number> {
  const done = await ask(await api())
  io.out.write(
    formatted(
      output,
      done,
      () => `${done.changed === false ? 'nothing changed: ' : ''}${readOnlyText(done, io.nowMs())}`,
    ),
  )
  return exitStatus.fine
}

export const readOnlyOnCommand = defineCommand<{ readonly reason?: string }>({
  configure: (command) => command.option(...reasonWords),
  outputs: plainOutputs,
  more: 'Whoever wants to change something is told who has set it and how it ends. Zones keep working, and so do the brakes.',
  examples: [['read-only on --reason upgrade', 'until read-only off']],
  run: (context, _, { reason }) =>
    setReadOnly(
      context,
      async (api) => (await api.call('PUT', readOnlyPath, { body: reason === undefined ? {} : { reason } })).body,
    ),
})

export const readOnlyOffCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['read-only off', 'operators may change things again']],
  run: (context) => setReadOnly(context, (api) => api.delete(readOnlyPath)),
})

export const readOnlyShowCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['read-only show', 'whether it is, since when, and why']],
  run: (context) => setReadOnly(context, (api) => api.tell(readOnlyPath, 'readOnly')),
})
