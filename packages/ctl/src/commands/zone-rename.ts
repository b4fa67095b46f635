import { type Api, type JsonObject, objectOf, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { CliError, exitStatus, usageError } from '../io.js'
import { formatted } from '../output/format.js'

interface Step {
  readonly step: string
  readonly command?: string | undefined
}

interface Report {
  readonly zone: string
  readonly newName: string
  readonly renamed: false
  readonly meshServices: number
  readonly blocks: readonly string[]
  /** Their VIP is global's: who reaches the services by them notices nothing of the move. */
  readonly meshMultiZoneServices: readonly string[]
  readonly steps: readonly Step[]
}

/**
 * `zone rename ZONE NAME` renames nothing: the name of a zone is part of the key of each of its addresses, and of the
 * name of each of its resources everywhere else (VIP-2). It says what is at stake, and how the move is made that keeps
 * what can be kept. Exit status 1, so that no script takes it for done.
 */
async function rename({ io, api, output }: Context, zone: string, newName: string): Promise<number> {
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(newName))
    throw usageError(`${JSON.stringify(newName)} can be no zone's name: it must be a DNS label such as east-1`)
  if (newName === zone) throw usageError(`the zone is called ${zone} already`)
  const asked = await api()
  const names = objectsOf((await asked.tell('/_holdfast/zones', 'items')).items)
  const known = (name: string) => names.find((each) => each.name === name)
  if (known(zone) === undefined)
    throw new CliError(
      `there is no zone ${JSON.stringify(zone)} at ${asked.url}; see those there are with 'holdfastctl zone list'`,
    )
  const report: Report = {
    zone,
    newName,
    renamed: false,
    meshServices: await countOf(asked, zone),
    blocks: objectsOf((await asked.tell('/_holdfast/vips/blocks', 'items')).items)
      .filter((block) => block.zone === zone)
      .map((block) => `${textOf(block.kind)} ${textOf(block.cidr)}`),
    meshMultiZoneServices: await multiZoneOf(asked, zone),
    steps: stepsOf(zone, newName, known(newName) !== undefined),
  }
  io.out.write(formatted(output, report, () => text(report)))
  return exitStatus.failed
}

const stepsOf = (zone: string, newName: string, isKnown: boolean): readonly Step[] => [
  isKnown
    ? { step: `a zone ${newName} is known already: go on with it if it is the one that is meant` }
    : {
        step: `let a zone of that name join, and start it with an empty database`,
        command: `holdfastctl zone add ${newName}`,
      },
  {
    step: `apply there what was applied in ${zone}: its services get addresses of their own, out of blocks of its own`,
  },
  {
    step: 'where clients must notice nothing, let them use a MeshMultiZoneService over both first: its VIP is global’s and stays',
  },
  {
    step: `hide ${zone} from the others, and look whether anything is missed`,
    command: `holdfastctl zone drain ${zone} --yes`,
  },
  {
    step: `stop ${zone} and take it out of service: its addresses rest, and go to nobody until every zone has let go of them`,
    command: `holdfastctl zone decommission ${zone} --yes`,
  },
]

async function countOf(api: Api, zone: string): Promise<number> {
  const query = new URLSearchParams({ 'filter[labels.kuma.io/zone]': zone, size: '1' })
  return Number((await api.get(`/meshservices?${query}`)).total ?? 0)
}

async function multiZoneOf(api: Api, zone: string): Promise<readonly string[]> {
  const { items } = await api.list('/meshmultizoneservices')
  return items
    .filter((item) => objectsOf(objectOf(item.status).meshServices).some((each) => each.zone === zone))
    .map((item: JsonObject) => `${textOf(item.mesh)}/${textOf(item.name)}`)
}

function text({ zone, newName, meshServices, blocks, meshMultiZoneServices, steps }: Report): string {
  return [
    `zone ${zone} is not renamed to ${newName}: nothing was changed`,
    'the name of a zone is part of what each of its addresses belongs to; under another name every service would get another',
    `address, and each zone would see the old ones go and new ones come (docs/zone-recovery.md)`,
    `at stake: ${meshServices} MeshService${meshServices === 1 ? '' : 's'}${blocks.length === 0 ? '' : `; blocks ${blocks.join(', ')}`}`,
    meshMultiZoneServices.length === 0
      ? 'reached by no MeshMultiZoneService'
      : `reached by MeshMultiZoneService ${meshMultiZoneServices.join(', ')}, whose VIP would stay`,
    '',
    'to move what runs there under another name:',
    ...steps.flatMap(({ step, command }, index) => [
      `  ${index + 1}. ${step}`,
      ...(command === undefined ? [] : [`     ${command}`]),
    ]),
    '',
  ].join('\n')
}

export const zoneRenameCommand = defineCommand({
  configure: (command) => command.argument('<zone>').argument('<new-name>'),
  completes: ['zone', 'none'],
  outputs: plainOutputs,
  more: 'It never renames: it says why that would move every address, and which commands move a zone so that they hold.',
  examples: [['zone rename east east-1', 'what would become of the addresses, and the way that keeps them']],
  run: (context, [zone = '', newName = '']) => rename(context, zone, newName),
})
