import type { CommandFile } from './command.js'

/** One command: its words, what it does in a line, and the file that knows the rest. */
export interface Entry {
  readonly words: string
  readonly summary: string
  /** Under which it stands in the help; that of the first word counts. */
  readonly heading?: string | undefined
  readonly hidden?: boolean | undefined
  readonly load: () => Promise<CommandFile>
}

/** Words that have commands under them. */
export const groups: Readonly<Record<string, string>> = {
  inspect: 'show how things stand',
  convert: 'print as Holdfast resources what is written for something else',
  import: 'take over what another control plane has',
  zone: 'zones, and whose their names are',
  vip: 'who has which virtual IP',
  'vip pool': 'where virtual IPs come from',
  dns: 'names that a zone answers',
  refused: 'what somebody does not take, and keeps its last good version of',
  hold: 'what vanished without having been deleted, and what to do about it',
  sync: 'how control planes agree',
  config: 'which control planes there are, and which is meant',
  'config control-planes': 'add, remove, list and choose them',
  recover: "after a loss of global's store",
  generate: 'tokens for users, zones and Dataplanes, and keys to sign them with',
  rotate: 'replace authority and keys, without anybody being shut out',
  'read-only': 'whether operators may change anything',
  audit: 'who changed what, and whether the log of it is whole',
  conformance: 'whether somebody else keeps the rules of a protocol',
}

const resources = 'Resources:'
const glance = 'The mesh at a glance:'
const addresses = 'Addresses and names:'
const operations = 'Operations:'
const program = 'This program:'

/** Every command there is, in the order of the help. A new one is a file of its own and a row here. */
export const table: readonly Entry[] = [
  {
    words: 'apply',
    summary: 'create or change what the files say, all of it or nothing',
    heading: resources,
    load: async () => (await import('../commands/apply.js')).applyCommand,
  },
  {
    words: 'diff',
    summary: 'what applying the files would change; exit status 3 if anything',
    heading: resources,
    load: async () => (await import('../commands/diff.js')).diffCommand,
  },
  {
    words: 'plan',
    summary: 'what applying the files would change in every zone, addresses and names included',
    heading: resources,
    load: async () => (await import('../commands/plan.js')).planCommand,
  },
  {
    words: 'get',
    summary: 'show resources',
    heading: resources,
    load: async () => (await import('../commands/get.js')).getCommand,
  },
  {
    words: 'delete',
    summary: 'delete a resource',
    heading: resources,
    load: async () => (await import('../commands/delete.js')).deleteCommand,
  },
  {
    words: 'explain',
    summary: 'the fields of a type, from the schemas of the API',
    heading: resources,
    load: async () => (await import('../commands/explain.js')).explainCommand,
  },
  {
    words: 'edit',
    summary: 'a resource in an editor, and back',
    heading: resources,
    load: async () => (await import('../commands/edit.js')).editCommand,
  },
  {
    words: 'wait',
    summary: 'until zones are in step, a service has its address, or something is gone',
    heading: resources,
    load: async () => (await import('../commands/wait.js')).waitCommand,
  },
  {
    words: 'export',
    summary: 'everything, as documents that another control plane takes',
    heading: resources,
    load: async () => (await import('../commands/export.js')).exportCommand,
  },
  {
    words: 'convert kubernetes',
    summary: 'Kubernetes Services as MeshServices',
    heading: resources,
    load: async () => (await import('../commands/convert.js')).convertKubernetesCommand,
  },
  {
    words: 'import kuma',
    summary: 'what a Kuma has becomes ours: resources, and the addresses of services in their zones',
    heading: resources,
    load: async () => (await import('../commands/import-kuma.js')).importKumaCommand,
  },
  {
    words: 'status',
    summary: 'how everything stands and what waits for a decision; exit status 3 if something does',
    heading: glance,
    load: async () => (await import('../commands/status.js')).statusCommand,
  },
  {
    words: 'inspect zones',
    summary: 'which zones are connected to this global',
    heading: glance,
    load: async () => (await import('../commands/inspect-zones.js')).inspectZonesCommand,
  },
  {
    words: 'inspect meshes',
    summary: 'what is in each mesh, counted',
    heading: glance,
    load: async () => (await import('../commands/inspect-meshes.js')).inspectMeshesCommand,
  },
  {
    words: 'inspect dataplanes',
    summary: 'which proxies are online, and since when',
    heading: glance,
    load: async () => (await import('../commands/inspect-dataplanes.js')).inspectDataplanesCommand,
  },
  {
    words: 'inspect dataplane',
    summary: 'which policies one gets, what they come to, or what its proxy says of itself',
    heading: glance,
    load: async () => (await import('../commands/inspect-dataplanes.js')).inspectDataplaneCommand,
  },
  {
    words: 'inspect policy',
    summary: 'which Dataplanes a policy concerns; `inspect TYPE NAME` does the same',
    heading: glance,
    load: async () => (await import('../commands/inspect-dataplanes.js')).inspectPolicyCommand,
  },
  {
    words: 'inspect services',
    summary: 'what serves each MeshService, who has made it, and which could not be made of Dataplanes',
    heading: glance,
    load: async () => (await import('../commands/inspect-services.js')).inspectServicesCommand,
  },
  {
    words: 'inspect endpoints',
    summary: 'where this zone may dial global, over which address it does, and which failed',
    heading: glance,
    load: async () => (await import('../commands/inspect-endpoints.js')).inspectEndpointsCommand,
  },
  {
    words: 'inspect types',
    summary: 'resource types that are not known here: who has described them, and what was not taken',
    heading: glance,
    load: async () => (await import('../commands/inspect-types.js')).inspectTypesCommand,
  },
  {
    words: 'inspect hooks',
    summary: 'which policy hooks answer, and what is not published as it was written',
    heading: glance,
    load: async () => (await import('../commands/inspect-hooks.js')).inspectHooksCommand,
  },
  {
    words: 'refused list',
    summary: 'all of it, here and at the peers',
    heading: glance,
    load: async () => (await import('../commands/refused.js')).refusedListCommand,
  },
  {
    words: 'sync diff',
    summary: 'every resource in which a zone and global differ; exit status 3 if any does',
    heading: glance,
    load: async () => (await import('../commands/sync-diff.js')).syncDiffCommand,
  },
  {
    words: 'vip list',
    summary: 'the ledger',
    heading: addresses,
    load: async () => (await import('../commands/vip.js')).vipListCommand,
  },
  {
    words: 'vip explain',
    summary: 'who has an address and why, or why a service has its address or none',
    heading: addresses,
    load: async () => (await import('../commands/vip.js')).vipExplainCommand,
  },
  {
    words: 'vip history',
    summary: 'what happened to an address or a service',
    heading: addresses,
    load: async () => (await import('../commands/vip.js')).vipHistoryCommand,
  },
  {
    words: 'vip verify',
    summary: 'whether ledger, API and every zone agree; exit status 1 if two do not, 3 if one cannot be asked',
    heading: addresses,
    load: async () => (await import('../commands/vip.js')).vipVerifyCommand,
  },
  {
    words: 'vip rebuild',
    summary: 'what a ledger that has lost rows gets back, and who says so; does it with --yes',
    heading: addresses,
    load: async () => (await import('../commands/ledger.js')).vipRebuildCommand,
  },
  {
    words: 'vip release',
    summary: 'end the quarantine of an address whose owner is gone; it may go to another at once',
    heading: addresses,
    load: async () => (await import('../commands/ledger.js')).vipReleaseCommand,
  },
  {
    words: 'vip pool list',
    summary: 'where addresses come from, and how much of it is leased',
    heading: addresses,
    load: async () => (await import('../commands/pools.js')).vipPoolListCommand,
  },
  {
    words: 'vip pool add',
    summary: 'one more pool, when those there are have no room; does it with --yes',
    heading: addresses,
    load: async () => (await import('../commands/pools.js')).vipPoolAddCommand,
  },
  {
    words: 'dns lookup',
    summary: 'what is answered for a name; exit status 1 if nothing is',
    heading: addresses,
    load: async () => (await import('../commands/dns.js')).dnsLookupCommand,
  },
  {
    words: 'dns status',
    summary: 'whether a zone answers, and whether that is what ledger and store have; exit status 3 if not',
    heading: addresses,
    load: async () => (await import('../commands/dns.js')).dnsStatusCommand,
  },
  {
    words: 'dns unserved',
    summary: 'names that services should have and have not, and why',
    heading: addresses,
    load: async () => (await import('../commands/dns.js')).dnsUnservedCommand,
  },
  {
    words: 'hold list',
    summary: 'holds that wait for an operator',
    heading: operations,
    load: async () => (await import('../commands/hold.js')).holdListCommand,
  },
  {
    words: 'hold show',
    summary: 'one hold, with the names of what it keeps',
    heading: operations,
    load: async () => (await import('../commands/hold.js')).holdShowCommand,
  },
  {
    words: 'hold approve',
    summary: 'delete what is still held, as a removal does',
    heading: operations,
    load: async () => (await import('../commands/hold.js')).holdApproveCommand,
  },
  {
    words: 'hold reject',
    summary: 'keep what is held until its owner offers or removes it',
    heading: operations,
    load: async () => (await import('../commands/hold.js')).holdRejectCommand,
  },
  {
    words: 'zone list',
    summary: 'every zone, its store, and who else asks for its name',
    heading: operations,
    load: async () => (await import('../commands/zone.js')).zoneListCommand,
  },
  {
    words: 'zone describe',
    summary: 'all that global knows of one zone; exit status 3 unless it is in step',
    heading: operations,
    load: async () => (await import('../commands/zone-describe.js')).zoneDescribeCommand,
  },
  {
    words: 'zone add',
    summary: 'a join bundle for a zone: its name, where global is, whom to believe there, and what proves the name',
    load: async () => (await import('../commands/zone-join.js')).zoneAddCommand,
  },
  {
    words: 'zone revoke',
    summary: 'whatever a zone was given to prove its name is void from now on, and its sessions end',
    load: async () => (await import('../commands/zone-join.js')).zoneRevokeCommand,
  },
  {
    words: 'generate user-token',
    summary: 'a token for somebody who asks the HTTP API',
    heading: operations,
    load: async () => (await import('../commands/generate-token.js')).userTokenCommand,
  },
  {
    words: 'generate zone-token',
    summary: 'a token that proves what zone its bearer is of',
    heading: operations,
    load: async () => (await import('../commands/generate-token.js')).zoneTokenCommand,
  },
  {
    words: 'generate dataplane-token',
    summary: 'a token that proves which Dataplanes its bearer may be',
    heading: operations,
    load: async () => (await import('../commands/generate-token.js')).dataplaneTokenCommand,
  },
  {
    words: 'generate signing-key',
    summary: 'a private key for tokens',
    heading: operations,
    load: async () => (await import('../commands/generate-key.js')).signingKeyCommand,
  },
  {
    words: 'generate public-key',
    summary: 'the public half of one, which verifies and cannot sign',
    heading: operations,
    load: async () => (await import('../commands/generate-key.js')).publicKeyCommand,
  },
  {
    words: 'rotate status',
    summary: 'which authorities are believed, which signs, and which keys are in use',
    heading: operations,
    load: async () => (await import('../commands/rotate.js')).rotateStatusCommand,
  },
  {
    words: 'rotate authority',
    summary: 'the next step from one authority of certificates to another',
    heading: operations,
    load: async () => (await import('../commands/rotate.js')).rotateAuthorityCommand,
  },
  {
    words: 'rotate signing-key',
    summary: 'a new key for tokens, or all but the newest retired',
    heading: operations,
    load: async () => (await import('../commands/rotate.js')).rotateSigningKeyCommand,
  },
  {
    words: 'rotate data-key',
    summary: 'a new key for secrets at rest',
    heading: operations,
    load: async () => (await import('../commands/rotate.js')).rotateDataKeyCommand,
  },
  {
    words: 'audit list',
    summary: 'who changed what, newest first',
    heading: operations,
    load: async () => (await import('../commands/audit.js')).auditListCommand,
  },
  {
    words: 'audit verify',
    summary: 'whether the audit log is what was written; exit status 3 if not',
    load: async () => (await import('../commands/audit.js')).auditVerifyCommand,
  },
  {
    words: 'audit export',
    summary: 'the whole audit log, oldest first, a JSON object per line',
    load: async () => (await import('../commands/audit.js')).auditExportCommand,
  },
  {
    words: 'zone pause',
    summary: 'take nothing from a zone and send it nothing, until it is resumed',
    heading: operations,
    load: async () => (await import('../commands/brakes.js')).zonePauseCommand,
  },
  {
    words: 'zone resume',
    summary: 'let a zone that was paused in again',
    heading: operations,
    load: async () => (await import('../commands/brakes.js')).zoneResumeCommand,
  },
  {
    words: 'zone drain',
    summary: 'hide a zone from the others before its maintenance, and wait until they know; tells first',
    heading: operations,
    load: async () => (await import('../commands/zone-drain.js')).zoneDrainCommand,
  },
  {
    words: 'zone undrain',
    summary: 'show a zone that was drained to the others again; tells first',
    heading: operations,
    load: async () => (await import('../commands/zone-drain.js')).zoneUndrainCommand,
  },
  {
    words: 'read-only on',
    summary: 'refuse every change by operators, with your reason; zones keep working',
    heading: operations,
    load: async () => (await import('../commands/brakes.js')).readOnlyOnCommand,
  },
  {
    words: 'read-only off',
    summary: 'let operators change things again',
    heading: operations,
    load: async () => (await import('../commands/brakes.js')).readOnlyOffCommand,
  },
  {
    words: 'read-only show',
    summary: 'whether it is, since when, and why',
    heading: operations,
    load: async () => (await import('../commands/brakes.js')).readOnlyShowCommand,
  },
  {
    words: 'zone adopt',
    summary:
      'give the name and leases of a zone to a new store, the old one being gone for good, and make at global what only the zone has; tells first',
    heading: operations,
    load: async () => (await import('../commands/zone.js')).zoneAdoptCommand,
  },
  {
    words: 'zone decommission',
    summary: 'take a zone out of service for good: its services go, its addresses rest, its name is free; tells first',
    heading: operations,
    load: async () => (await import('../commands/zone.js')).zoneDecommissionCommand,
  },
  {
    words: 'zone rename',
    summary: 'what would become of the addresses of a zone under another name, and how to move it instead',
    heading: operations,
    load: async () => (await import('../commands/zone-rename.js')).zoneRenameCommand,
  },
  {
    words: 'zone federate',
    summary: 'at a zone that runs by itself: what joining a global would do to it, told before and after',
    heading: operations,
    load: async () => (await import('../commands/zone-federate.js')).zoneFederateCommand,
  },
  {
    words: 'bundle',
    summary: 'one file with what somebody needs who is to help; secrets are masked',
    heading: operations,
    load: async () => (await import('../commands/bundle.js')).bundleCommand,
  },
  {
    words: 'recover status',
    summary: 'what the recovery waits for; exit status 3 while it does',
    heading: operations,
    load: async () => (await import('../commands/recover.js')).recoverStatusCommand,
  },
  {
    words: 'recover from-zone',
    summary: "what global's own resources would become from what a zone remembers; does it with --yes",
    heading: operations,
    load: async () => (await import('../commands/recover.js')).recoverFromZoneCommand,
  },
  {
    words: 'recover finish',
    summary: 'serve again although the recovery still waits for something',
    heading: operations,
    load: async () => (await import('../commands/recover.js')).recoverFinishCommand,
  },
  {
    words: 'conformance kds',
    summary: 'play a Kuma zone at any KDS global and tell which rules it keeps; exit status 3 if it breaks one',
    heading: operations,
    load: async () => (await import('../commands/conformance.js')).conformanceKdsCommand,
  },
  {
    words: 'config view',
    summary: 'what counts of the configuration files',
    heading: program,
    load: async () => (await import('../commands/config.js')).configViewCommand,
  },
  {
    words: 'config control-planes list',
    summary: 'which there are, and which is active',
    heading: program,
    load: async () => (await import('../commands/config.js')).controlPlanesListCommand,
  },
  {
    words: 'config control-planes add',
    summary: 'add one, and make it the active one',
    heading: program,
    load: async () => (await import('../commands/config.js')).controlPlanesAddCommand,
  },
  {
    words: 'config control-planes remove',
    summary: 'remove one, and its context',
    heading: program,
    load: async () => (await import('../commands/config.js')).controlPlanesRemoveCommand,
  },
  {
    words: 'config control-planes switch',
    summary: 'make another one the active one',
    heading: program,
    load: async () => (await import('../commands/config.js')).controlPlanesSwitchCommand,
  },
  {
    words: 'version',
    summary: 'of this program and of the control plane',
    heading: program,
    load: async () => (await import('../commands/version.js')).versionCommand,
  },
  {
    words: 'completion',
    summary: 'script that completes commands, options and names of resources',
    heading: program,
    load: async () => (await import('../commands/completion.js')).completionCommand,
  },
  {
    words: '__complete',
    summary: 'how a command line may go on',
    heading: program,
    hidden: true,
    load: async () => (await import('../commands/complete.js')).completeCommand,
  },
]

/** The command that a command line begins with; undefined if there is none. */
export const entryOf = (words: readonly string[]): Entry | undefined =>
  table.find(({ words: own }) => own.split(' ').every((word, at) => words[at] === word))
