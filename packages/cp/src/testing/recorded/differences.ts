import { displayNameLabel, type JsonObject, meshLabel, originLabel, zoneLabel } from '@holdfast/model'

/**
 * What Holdfast does otherwise than the recorded Kumas, on purpose. The replays take away exactly this from both sides
 * before they compare, and docs/kuma-interop.md shows it: a test holds the two together.
 */
export interface Difference {
  readonly id: string
  /** Which control plane it is seen at. */
  readonly at: 'global' | 'zone' | 'both'
  readonly kuma: string
  readonly holdfast: string
  readonly why: string
}

export const differences = [
  {
    id: 'display-name',
    at: 'both',
    kuma: 'stores no `kuma.io/display-name` with what is its own; only copies have it',
    holdfast: 'stores it with everything whose name gets a hash',
    why: 'a selector on it finds originals as it finds copies',
  },
  {
    id: 'zone-label',
    at: 'zone',
    kuma: 'makes its two default HostnameGenerators with `kuma.io/origin` alone; their zone is added when they are sent',
    holdfast: 'stores `kuma.io/zone` with them',
    why: 'who reads them sees whose they are; what is sent is the same',
  },
  {
    id: 'mesh-label',
    at: 'both',
    kuma: '2.13 makes its default policies without `kuma.io/mesh`',
    holdfast: 'computes it for everything that lives in a mesh',
    why: 'as 2.14 does, whose labels Holdfast stores',
  },
  {
    id: 'zone-prefix',
    at: 'global',
    kuma: 'stores what a zone sends as `zone-1.<name>` if the zone’s two features arrive as one value (a proxy joined them)',
    holdfast: 'reads joined features as the two that they are',
    why: 'no name may depend on which proxy a zone was dialled through',
  },
  {
    id: 'times',
    at: 'both',
    kuma: '`creationTime` and `modificationTime` are of its own rows',
    holdfast: 'of ours',
    why: 'they never travel',
  },
  {
    id: 'snis',
    at: 'both',
    kuma: '2.13 shows no `snis`',
    holdfast: 'shows them, as 2.14 does',
    why: 'computed when asked',
  },
  {
    id: 'status',
    at: 'both',
    kuma: 'VIPs, addresses and conditions in a status are whatever was written last, hostnames up to 5 s late',
    holdfast: 'shows them from ledger and generators at the moment of asking',
    why: 'status is no content: it has a channel and tests of its own, and a VIP is the ledger’s',
  },
  {
    id: 'local-matches',
    at: 'zone',
    kuma: 'a MeshMultiZoneService that selects `kuma.io/display-name` matches the other zones’ services only',
    holdfast: 'matches a zone’s own as well',
    why: 'follows from `display-name`; it is what its author means',
  },
  {
    id: 'service-insight',
    at: 'global',
    kuma: 'sends a ServiceInsight per mesh to zones',
    holdfast: 'sends one of a mesh whose mTLS is PERMISSIVE; of others an empty list is its whole answer',
    why: 'only there zones compute something from it, and Kuma’s next major version makes none',
  },
  {
    id: 'own-secrets',
    at: 'global',
    kuma: 'makes and sends `kuma-cluster-id` and signing keys of its own',
    holdfast:
      'has its own, which are not in the recordings; the id is that of its store, made with the first Kuma zone',
    why: 'both belong to an installation; `import kuma` brings the keys along',
  },
  {
    id: 'label-gap',
    at: 'zone',
    kuma: 'sends a new MeshService once without `kuma.io/env`, `kuma.io/mesh` and the labels of its author',
    holdfast: 'sends it with all of its labels from the first time on',
    why: 'an accident of Kuma’s cache, after which names flap in other zones',
  },
  {
    id: 'sends',
    at: 'zone',
    kuma: 'sends a new MeshService three to five times while its status fills, each time whole',
    holdfast: 'sends it when its content or status changes, several changes in one message',
    why: 'the last version counts, and fewer are fewer writes at global',
  },
  {
    id: 'answers-again',
    at: 'both',
    kuma: 'answers each response once',
    holdfast: 'says its answers again every 30 s',
    why: 'a Kuma may have forgotten that we wait ([0087](decisions/0087-what-was-answered-is-said-again.md))',
  },
] as const satisfies readonly Difference[]

export type DifferenceId = (typeof differences)[number]['id']

const without = (object: JsonObject, keys: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))

const objectOf = (value: unknown): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}

/** A resource as a recorded control plane showed it, without what is another one's by nature. */
export const recordedForm = (item: JsonObject): JsonObject => ({
  ...without(item, ['creationTime', 'modificationTime', 'status', 'labels']),
  name: String(item.name).replace(/^zone-\d\./, ''),
  labels: objectOf(item.labels),
})

/** The same resource as we show it, beside the recorded one: only what is listed above is taken away. */
export function ownForm(item: JsonObject, recorded: JsonObject | undefined): JsonObject {
  const had = objectOf(recorded?.labels)
  const { snis, kri, ...rest } = recordedForm(item)
  const labels = objectOf(rest.labels)
  // `zone-label`; it stands in the identifier too.
  const isDefault = item.type === 'HostnameGenerator' && labels[originLabel] === 'zone' && had[zoneLabel] === undefined
  const expected: Readonly<Record<string, unknown>> = {
    [displayNameLabel]: item.name,
    [meshLabel]: item.mesh,
    ...(isDefault ? { [zoneLabel]: labels[zoneLabel] } : {}),
  }
  const more = Object.keys(expected).filter((label) => had[label] === undefined && labels[label] === expected[label])
  return {
    ...rest,
    ...(kri === undefined ? {} : { kri: isDefault ? String(kri).replace(`_${labels[zoneLabel]}_`, '__') : kri }),
    labels: without(labels, more),
    ...(snis === undefined || recorded?.snis === undefined ? {} : { snis }),
  }
}

/** Labels on the wire: 2.13 lacks one of them on its default policies. */
export const wireLabels = (
  labels: Readonly<Record<string, string>>,
  folder: string,
): Readonly<Record<string, string>> => {
  const { [meshLabel]: _, ...others } = labels
  return folder.startsWith('2.13') ? others : labels
}

/** Types that are made by each installation for itself, see `own-secrets` and `service-insight`. */
export const ofEachInstallation: ReadonlySet<string> = new Set(['Secret', 'GlobalSecret', 'Config', 'ServiceInsight'])
