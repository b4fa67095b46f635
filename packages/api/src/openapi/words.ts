/** What each path that is not of a single type is for, and what may be asked of it. */
export interface Words {
  readonly summary: string
  /** Query parameters, each with what it means. */
  readonly query?: Readonly<Record<string, string>> | undefined
}

const size = 'How many at most, 1 to 1000.'
const dryRun = 'Says what would happen, and writes nothing.'
const owner = {
  kind: 'MeshService, MeshExternalService or MeshMultiZoneService.',
  mesh: 'Mesh of the owner; `default` if left out.',
  name: 'Display name of the owner.',
  zone: 'Zone of the owner; empty for global.',
  address: 'The address itself.',
}

export const words: Readonly<Record<string, Words>> = {
  'GET /': { summary: 'Which control plane this is. Needs no credentials.' },
  'GET /openapi.json': { summary: 'This description.' },
  'GET /config': { summary: 'The effective configuration, secrets masked.' },
  'GET /who-am-i': { summary: 'As whom the caller is known.' },
  'GET /policies': { summary: 'The types that are policies.' },
  'GET /_resources': { summary: 'All types, and what may be done with them here.' },
  'GET /global-insight': { summary: 'Counts over all meshes and zones.' },
  'GET /global-insights': { summary: 'Counts of what is outside of meshes.' },
  'GET /_kri/:kri': {
    summary: 'A resource by its identifier, which is the same in every control plane.',
    query: { format: '`universal` or `kubernetes`.', namespace: 'Namespace of the Kubernetes form.' },
  },
  'POST /_apply': {
    summary:
      'Creates or updates many resources in one transaction, all or nothing. The body is a list, or an object with `items`.',
    query: { dryRun },
  },
  'GET /_holdfast/zones': { summary: 'Every zone, and the store that its name is bound to.' },
  'GET /_holdfast/zones/:zone/adopt': { summary: 'What binding a zone to the store that asks for its name would do.' },
  'POST /_holdfast/zones/:zone/adopt': { summary: 'Binds a zone to the store that asks for its name.' },
  'POST /_holdfast/zones/:zone/pause': {
    summary:
      'Takes nothing from a zone and sends it nothing until it is resumed. The body may give a `reason`. The same again changes nothing.',
  },
  'POST /_holdfast/zones/:zone/resume': { summary: 'Lets a zone that was paused in again.' },
  'GET /_holdfast/read-only': { summary: 'Whether operators may change anything here, and who has stopped it.' },
  'PUT /_holdfast/read-only': {
    summary:
      'From now on every change by an operator is answered with 423; zones keep working. The body may give a `reason`.',
  },
  'DELETE /_holdfast/read-only': { summary: 'Operators may change things again.' },
  'GET /_holdfast/zones/:zone/decommission': { summary: 'What taking a zone out of service for good would do.' },
  'POST /_holdfast/zones/:zone/decommission': { summary: 'Takes a zone out of service for good.' },
  'POST /_holdfast/zones/:zone/join': { summary: 'Lets a zone join: what it needs to prove who it is.' },
  'POST /_holdfast/zones/:zone/revoke': { summary: 'Takes from a zone what it proves with who it is.' },
  'GET /_holdfast/federation': { summary: 'What joining a global would change in this zone.' },
  'POST /_holdfast/federation': { summary: 'Decides about what joining a global has left open.' },
  'POST /_holdfast/federation/plan': {
    summary: 'What would become of a zone that ran by itself, before it joins; changes nothing.',
  },
  'GET /_holdfast/resources': {
    summary: 'Resources by display name; several answers mean that the name alone is ambiguous.',
    query: {
      type: 'Any word for the type.',
      name: 'Display name.',
      mesh: 'Mesh; `default` if left out.',
      zone: 'Zone; empty for global.',
    },
  },
  'GET /_holdfast/vips': {
    summary: 'The ledger of virtual IPs.',
    query: {
      ...owner,
      deleted: '`true`: with those that wait for their owner to return.',
      size,
      after: 'From `next`.',
    },
  },
  'GET /_holdfast/vips/explain': { summary: 'Why a service has the virtual IP that it has, or none.', query: owner },
  'GET /_holdfast/vips/history': { summary: 'What has happened to an address or an owner.', query: { ...owner, size } },
  'GET /_holdfast/vips/verify': { summary: 'Whether ledger, API and what is served agree.' },
  'GET /_holdfast/vips/blocks': { summary: 'Which addresses are leased to whom.' },
  'GET /_holdfast/vips/pools': { summary: 'Where addresses come from, and how much of it is leased.' },
  'GET /_holdfast/status': { summary: 'State of this control plane and its store.' },
  'GET /_holdfast/sync': { summary: 'How far every peer is, for each channel: revision, lag, proof, last error.' },
  'GET /_holdfast/sync/diff': {
    summary: 'Where a zone and global differ, resource by resource.',
    query: { zone: 'The zone to ask.' },
  },
  'GET /_holdfast/refused': { summary: 'What was refused of peers, and what they have refused.' },
  'GET /_holdfast/audit': {
    summary: 'Who has changed what, newest first.',
    query: {
      size,
      actor: 'Only by them.',
      action: 'Only this, such as `created`.',
      subject: 'Only what has this in its subject.',
      since: 'Only from this time on (RFC 3339).',
    },
  },
  'GET /_holdfast/types': { summary: 'Types of peers that are not known here, and are passed on all the same.' },
  'GET /_holdfast/raw/:type': { summary: 'Resources of a type that is not known here, as they came.', query: { size } },
  'GET /_holdfast/hooks': { summary: 'Policy hooks, and what waits for them.' },
  'GET /_holdfast/services/problems': { summary: 'Services that could not be made of Dataplanes.', query: { size } },
  'GET /_holdfast/dns': { summary: 'What answers names, and whether it agrees with the ledger.' },
  'GET /_holdfast/dns/lookup': {
    summary: 'What a name is answered with, and why.',
    query: { name: 'The name.', type: '`A`, `AAAA`, `SRV` or `PTR`.', zone: 'At global: the zone to ask.' },
  },
  'GET /_holdfast/dns/unserved': { summary: 'Names that are not answered, and why.' },
  'GET /_holdfast/holds': {
    summary: 'Deletions that are held back until an operator decides.',
    query: { all: '`true`: with those that are decided.', size },
  },
  'GET /_holdfast/holds/:id': { summary: 'One of them, with what it keeps.' },
  'POST /_holdfast/holds/:id/approve': { summary: 'Deletes what is held.' },
  'POST /_holdfast/holds/:id/reject': { summary: 'Keeps what is held.' },
  'GET /_holdfast/overview': { summary: 'What needs attention, in one answer.' },
  'GET /_holdfast/recovery': { summary: 'How far a recovery is.' },
  'POST /_holdfast/recovery/from-zone': { summary: 'Takes back from a zone what global had.' },
  'POST /_holdfast/recovery/finish': { summary: 'Ends a recovery.' },
  'POST /_holdfast/vips/rebuild': { summary: 'Rebuilds the ledger from what others remember.' },
  'POST /_holdfast/vips/release': { summary: 'Gives up an address that nobody owns.' },
  'POST /_holdfast/vips/pools': {
    summary: 'Adds a pool: {kind, cidr, apply}; without `apply` only what would happen.',
  },
  'POST /_holdfast/vips/import': { summary: 'Takes over addresses that were given elsewhere.' },
  'POST /_holdfast/import/copies': {
    summary: 'Keeps at global what zones own that have not moved here from another control plane yet.',
  },
  'GET /_holdfast/audit/verify': {
    summary: 'Whether the audit log is whole: each commit closes with a hash of the one before.',
  },
  'GET /_holdfast/secrets': { summary: 'How secrets are sealed at rest, and under which keys; never what they are.' },
  'POST /_holdfast/secrets/rotate': { summary: 'Makes a new data key, and seals all secrets with it.' },
  'GET /_holdfast/rotation': {
    summary: 'Which authorities are believed, which of them signs, and which keys sign tokens.',
  },
  'POST /_holdfast/rotation/authority': {
    summary: 'The next step of replacing the authority of certificates; refused if a zone would be shut out by it.',
  },
  'POST /_holdfast/rotation/signing-key': { summary: 'Makes a new key for tokens, or retires all but the newest.' },
  'POST /tokens/user': { summary: 'Issues a token for a user.' },
  'POST /tokens/zone': { summary: 'Issues a token for a zone.' },
  'POST /tokens/dataplane': { summary: 'Issues a token for a data plane proxy.' },
}

const listQuery = {
  size: `${size} Default 100.`,
  offset: 'How many to pass over.',
  name: 'Only names with this in them.',
  'filter[labels.KEY]': 'Only with this label. May be repeated.',
}
const itemQuery = { format: '`universal` or `kubernetes`.', namespace: 'Namespace of the Kubernetes form.' }
const watch = 'Events instead of a list: what is there, then what changes. Goes on behind `Last-Event-ID`.'

/** Of paths of one type, by how they end. */
const tails: readonly (readonly [RegExp, (plural: string, singular: string) => Words])[] = [
  [/_hostnames$/, (_, one) => ({ summary: `Names under which a ${one} can be reached.` })],
  [/\/(xds|stats|clusters)$/, (_, one) => ({ summary: `What the Envoy of a ${one} says of itself.` })],
  [/(:name\/_overview|(\+insights|overviews)\/:name)$/, (_, one) => ({ summary: `A ${one} and what is known of it.` })],
  [/(_overview|\+insights|overviews)$/, (all) => ({ summary: `${all} and what is known of them.`, query: listQuery })],
  [
    /[_-]resources\/dataplanes$|_dataplanes$/,
    (_, one) => ({ summary: `Dataplanes that a ${one} is about.`, query: listQuery }),
  ],
  [/:name\/dataplanes$/, (_, one) => ({ summary: `Dataplanes that a ${one} is about, in the older form.` })],
  [
    /:name\/_rules$/,
    () => ({
      summary:
        'What policies say about a Dataplane, or about the one that would run a MeshGateway, rule by rule, and which policies do.',
    }),
  ],
  [/_inbounds\/:inbound\/_policies$/, () => ({ summary: 'What policies say about one inbound of a Dataplane.' })],
  [/_outbounds\/:outbound\/_policies$/, () => ({ summary: 'What policies say about one outbound of a Dataplane.' })],
  [/_outbounds\/:outbound\/_routes$/, () => ({ summary: 'How traffic of a Dataplane to one outbound is led on.' })],
  [/_routes\/:route\/_policies$/, () => ({ summary: 'What policies say about one route of an outbound.' })],
  [/:name\/_?policies$/, () => ({ summary: 'Policies that are about a Dataplane.' })],
  [/:name\/_layout$/, () => ({ summary: 'Ports of a Dataplane, and where it can send to.' })],
  [/:name\/_config$/, () => ({ summary: 'Configuration of a Dataplane; not computed here.' })],
]

/** Words for a route; undefined where nobody has found any. */
export function wordsOf(
  method: string,
  path: string,
  type: { readonly displayName: string; readonly displayNamePlural: string } | undefined,
  watchable: boolean,
): Words | undefined {
  const own = words[`${method} ${path}`]
  if (own !== undefined || type === undefined) return own
  const { displayName: one, displayNamePlural: all } = type
  const tail = tails.find(([pattern]) => pattern.test(path))
  if (tail !== undefined) return tail[1](all, one)
  switch (method) {
    case 'GET':
      return path.endsWith('/:name')
        ? { summary: `One ${one}.`, query: itemQuery }
        : {
            summary: path.startsWith('/meshes/:mesh/') ? `${all} of a mesh.` : `${all}.`,
            query: { ...listQuery, ...(watchable ? { watch } : {}) },
          }
    case 'PUT':
      return { summary: `Creates or updates a ${one}.`, query: { dryRun } }
    case 'DELETE':
      return { summary: `Deletes a ${one}.`, query: { dryRun, force: '`true`: even while it is in use.' } }
    default:
      return undefined
  }
}
