import { Option } from 'commander'

/** An option that may be given several times. */
export const repeated = (flags: string, what: string): Option =>
  new Option(flags, what).argParser((value: string, values: readonly string[] | undefined) => [
    ...(values ?? []),
    value,
  ])

export const fileOption = (): Option =>
  repeated(
    '-f, --file <path>',
    'file, folder (all of it), URL, or - for standard input; may be given several times',
  ).makeOptionMandatory()

export const zoneOption = (what = 'zone that owns it, or global'): Option => new Option('--zone <zone>', what)
export const kindOption = (): Option => new Option('--kind <kind>', 'for example MeshService')
export const allMeshesOption = (): Option => new Option('-A, --all-meshes', 'of every mesh').default(false)
export const yesOption = (): Option => new Option('--yes', 'do it, instead of telling what would happen').default(false)
export const watchOption = (what = 'go on, and print what changes'): Option =>
  new Option('-w, --watch', what).default(false)
export const selectorOption = (): Option =>
  new Option('-l, --selector <labels>', 'only those with these labels, for example app=web,kuma.io/zone=east')
