import { hostname } from 'node:os'
import type { Authenticate, IdentityView } from '@holdfast/api'
import type { ZoneGate } from '@holdfast/global'
import { type AccessRules, globalId } from '@holdfast/identity'
import type { ControlPlaneStore } from '@holdfast/store'
import type { ServeTls } from '@holdfast/transport'
import type { Logger } from 'pino'
import type { Settings } from '../config/settings.js'
import { makeFirstKeys } from '../identity/first-keys.js'
import { StoredIssuer, type ZoneEntrance } from '../identity/issuer.js'
import { IdentityKeeper } from '../identity/keeper.js'
import { Rotations } from '../identity/rotation.js'
import { ServerTls, type ServerTlsOptions } from '../identity/server-tls.js'
import { readAuthorities } from '../identity/tls-files.js'
import { authenticateUsers } from '../identity/users.js'
import { StoredZoneGate } from '../identity/zone-gate.js'
import type { Scope } from '../lifecycle/scope.js'

export interface IdentityParts {
  readonly authenticate: Authenticate
  readonly access: AccessRules
  readonly view: IdentityView
  readonly gate: ZoneGate
  /** Makes what is missing; once the store is ready. */
  start(): Promise<void>
  /** Global: TLS of the port that zones dial; undefined if it is off. `onChange` is told what to show from then on. */
  kdsTls(onChange: (tls: ServeTls) => void): Promise<ServeTls | undefined>
  /** TLS of the HTTP API; undefined if it is not served so. */
  apiTls(onChange: (tls: ServeTls) => void): Promise<ServeTls | undefined>
  /** Where zones join, once that is known. */
  joinsAt(port: number): void
}

export interface IdentityOptions {
  readonly role: 'global' | 'zone'
  readonly store: ControlPlaneStore
  readonly settings: Settings
  readonly log: Logger
  readonly scope: Scope
}

/** Who is who at this control plane, out of its store and its settings. */
export function openIdentity({ role, store, settings, log, scope }: IdentityOptions): IdentityParts {
  const keeper = new IdentityKeeper(store, log)
  scope.own('identity', () => keeper.close())
  const { access, trustDomain, zone, tlsNames: names } = settings
  const nowMs = Date.now
  let kdsPort: number | undefined
  const usesOwnAuthority = settings.kdsTls === 'on' && settings.kdsTlsCertFile === undefined

  const serverAuthorities = async (): Promise<string> => {
    if (settings.kdsTls === 'off') return ''
    if (usesOwnAuthority) return (await keeper.known()).authorities.trusted.join('')
    return settings.kdsTlsCaFile === undefined ? '' : readAuthorities(settings.kdsTlsCaFile)
  }
  const entrance = async (): Promise<ZoneEntrance | undefined> => {
    if (kdsPort === undefined) return undefined
    const scheme = settings.kdsTls === 'on' ? 'grpcs' : 'grpc'
    const listens = settings.kdsAddress
    const host =
      listens === '0.0.0.0' || listens === '::' ? hostname() : listens.includes(':') ? `[${listens}]` : listens
    return {
      addresses:
        settings.advertisedAddresses.length > 0 ? settings.advertisedAddresses : [`${scheme}://${host}:${kdsPort}`],
      authorities: await serverAuthorities(),
      globalId: usesOwnAuthority ? globalId(trustDomain) : undefined,
    }
  }
  const opened = async (
    what: string,
    files: readonly [cert: string | undefined, key: string | undefined],
    onChange: ServerTlsOptions['onChange'],
  ): Promise<ServerTls> => {
    const [certFile, keyFile] = files
    const given = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile }
    const tls = await ServerTls.open({ what, store, keeper, files: given, trustDomain, names, log, nowMs, onChange })
    scope.own(`certificate of ${what}`, () => tls.close())
    return tls
  }
  const shown = ({ cert, key, authorities }: ServerTls['current']): ServeTls => ({
    cert,
    key,
    clientAuthorities: authorities.trusted,
  })

  const rotation = new Rotations({ store, keeper, role, zone, trustDomain, serverAuthorities, log, nowMs })

  return {
    access,
    authenticate: authenticateUsers({
      keeper,
      access,
      localhostIsAdmin: settings.localhostAdmin === 'on',
      log,
      nowMs,
    }),
    view: new StoredIssuer({ store, keeper, role, zone, entrance, rotation, log, nowMs }),
    gate: new StoredZoneGate({
      keeper,
      trustDomain,
      unauthenticated: settings.unauthenticatedZones,
      certificateLifetimeMs: settings.zoneCertificateLifetime,
      serverAuthorities,
      log,
      nowMs,
    }),
    start: async () => {
      await makeFirstKeys({ store, keeper, role, zone, trustDomain, log, nowMs })
      if (settings.unauthenticatedZones.length > 0)
        log.warn(
          { zones: settings.unauthenticatedZones, address: settings.kdsAddress },
          'these zones are let in without any proof of their name: whoever reaches the port can be them',
        )
    },
    kdsTls: async (onChange) => {
      if (settings.kdsTls === 'off') return undefined
      const files = [settings.kdsTlsCertFile, settings.kdsTlsKeyFile] as const
      return shown((await opened('the port for zones', files, (pair) => onChange(shown(pair)))).current)
    },
    apiTls: async (onChange) => {
      if (settings.apiTlsAddress === undefined) return undefined
      const files = [settings.apiTlsCertFile, settings.apiTlsKeyFile] as const
      return shown((await opened('the HTTP API', files, (pair) => onChange(shown(pair)))).current)
    },
    joinsAt: (port) => {
      kdsPort = port
    },
  }
}
