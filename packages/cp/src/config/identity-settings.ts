import { type AccessRules, defaultAccess, parseGoDuration } from '@holdfast/identity'
import { z } from 'zod'
import { accessSchema } from './access-settings.js'
import type { SettingSpec } from './settings.js'

/** Who is let in, and what proves who we are. */
export interface IdentitySettings {
  readonly kdsTls: 'on' | 'off'
  readonly kdsTlsCertFile: string | undefined
  readonly kdsTlsKeyFile: string | undefined
  readonly kdsTlsCaFile: string | undefined
  readonly apiTlsAddress: string | undefined
  readonly apiTlsPort: number
  readonly apiTlsCertFile: string | undefined
  readonly apiTlsKeyFile: string | undefined
  readonly tlsNames: readonly string[]
  readonly trustDomain: string
  /** Names of zones, or `*`. */
  readonly unauthenticatedZones: readonly string[]
  /** Milliseconds. */
  readonly zoneCertificateLifetime: number
  readonly joinFile: string | undefined
  readonly globalCaFile: string | undefined
  readonly zoneTokenFile: string | undefined
  readonly localhostAdmin: 'on' | 'off'
  readonly secretsKeyFile: string | undefined
  readonly access: AccessRules
}

const path = z.string().min(1, 'must not be empty')
const port = z.number().int().min(0, 'must be between 0 and 65535').max(65_535, 'must be between 0 and 65535')
const onOff = z.enum(['on', 'off'], 'must be on or off')
const lifetime = z
  .string()
  .refine((text) => (parseGoDuration(text) ?? 0) >= 600_000, 'must be a duration of at least 10 minutes, such as 168h')
  .transform((text) => parseGoDuration(text) ?? 0)
const weekMs = 7 * 24 * 3_600_000

export const identitySpecs: readonly SettingSpec[] = [
  {
    key: 'kdsTls',
    flag: '--kds-tls',
    env: 'HOLDFAST_KDS_TLS',
    commands: ['global'],
    kind: 'text',
    schema: onOff,
    fallback: 'on',
    describe: 'TLS 1.3 on the port that zones dial; off only on loopback',
  },
  {
    key: 'kdsTlsCertFile',
    flag: '--kds-tls-cert-file',
    env: 'HOLDFAST_KDS_TLS_CERT_FILE',
    commands: ['global'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe:
      'certificate (PEM, with intermediates) that zones are shown, read again when it changes; without it one of the built-in authority',
  },
  {
    key: 'kdsTlsKeyFile',
    flag: '--kds-tls-key-file',
    env: 'HOLDFAST_KDS_TLS_KEY_FILE',
    commands: ['global'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: 'its private key (PEM)',
  },
  {
    key: 'kdsTlsCaFile',
    flag: '--kds-tls-ca-file',
    env: 'HOLDFAST_KDS_TLS_CA_FILE',
    commands: ['global'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: 'whom zones have to believe for that certificate (PEM), for join bundles',
  },
  {
    key: 'apiTlsAddress',
    flag: '--api-tls-address',
    env: 'HOLDFAST_API_TLS_ADDRESS',
    commands: ['global', 'zone'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: 'address on which the HTTP API is served over TLS as well, for users with a token; without it nowhere',
  },
  {
    key: 'apiTlsPort',
    flag: '--api-tls-port',
    env: 'HOLDFAST_API_TLS_PORT',
    commands: ['global', 'zone'],
    kind: 'number',
    schema: port,
    fallback: 5682,
    describe: 'its port',
  },
  {
    key: 'apiTlsCertFile',
    flag: '--api-tls-cert-file',
    env: 'HOLDFAST_API_TLS_CERT_FILE',
    commands: ['global', 'zone'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: 'its certificate (PEM), read again when it changes; without it one of the built-in authority',
  },
  {
    key: 'apiTlsKeyFile',
    flag: '--api-tls-key-file',
    env: 'HOLDFAST_API_TLS_KEY_FILE',
    commands: ['global', 'zone'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: 'its private key (PEM)',
  },
  {
    key: 'tlsNames',
    flag: '--tls-name',
    env: 'HOLDFAST_TLS_NAME',
    commands: ['global', 'zone'],
    kind: 'list',
    schema: z.array(z.string().regex(/^[A-Za-z0-9.:-]+$/, 'must be host names or addresses')),
    fallback: [],
    describe: "further names and addresses in the built-in authority's certificates, besides this machine's own",
  },
  {
    key: 'trustDomain',
    flag: '--trust-domain',
    env: 'HOLDFAST_TRUST_DOMAIN',
    commands: ['global', 'zone'],
    kind: 'text',
    schema: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9._-]{0,250}[a-z0-9])?$/, 'must be a SPIFFE trust domain such as mesh.example'),
    fallback: 'holdfast',
    describe: 'SPIFFE trust domain of the certificates; the same for all replicas',
  },
  {
    key: 'unauthenticatedZones',
    flag: '--allow-unauthenticated-zone',
    env: 'HOLDFAST_ALLOW_UNAUTHENTICATED_ZONE',
    commands: ['global'],
    kind: 'list',
    schema: z.array(
      z.string().regex(/^(\*|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/, 'must be names of zones, or * on loopback'),
    ),
    fallback: [],
    describe:
      'zones that are let in without any proof of their name, as stock Kuma zones can give none: whoever reaches the port can be them. * on loopback only',
  },
  {
    key: 'zoneCertificateLifetime',
    flag: '--zone-certificate-lifetime',
    env: 'HOLDFAST_ZONE_CERTIFICATE_LIFETIME',
    commands: ['global'],
    kind: 'text',
    schema: lifetime,
    fallback: weekMs,
    describe:
      'how long the certificate of a zone is good; zones renew it at half of that. A zone that was away longer needs a new bundle',
  },
  {
    key: 'joinFile',
    flag: '--join',
    env: 'HOLDFAST_JOIN',
    commands: ['zone'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe:
      "join bundle of 'holdfastctl zone add': name, addresses of global, whom to believe, and what proves the name",
  },
  {
    key: 'globalCaFile',
    flag: '--global-ca-file',
    env: 'HOLDFAST_GLOBAL_CA_FILE',
    commands: ['zone'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: "whom to believe at global (PEM), without a join bundle; the system's authorities if not said",
  },
  {
    key: 'zoneTokenFile',
    flag: '--zone-token-file',
    env: 'HOLDFAST_ZONE_TOKEN_FILE',
    commands: ['zone'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe: 'zone token (scope cp) that is shown at global, without a join bundle; read again for every attempt',
  },
  {
    key: 'secretsKeyFile',
    flag: '--secrets-key-file',
    env: 'HOLDFAST_SECRETS_KEY_FILE',
    commands: ['global', 'zone', 'init'],
    kind: 'text',
    schema: path,
    fallback: undefined,
    describe:
      'keys that secrets are sealed with in the database, a line "NAME BASE64" each, the first seals; the same for all replicas. HOLDFAST_SECRETS_KEY may hold them instead',
  },
  {
    key: 'localhostAdmin',
    flag: '--localhost-admin',
    env: 'HOLDFAST_LOCALHOST_ADMIN',
    commands: ['global', 'zone'],
    kind: 'text',
    schema: onOff,
    fallback: 'on',
    describe: 'whether whoever asks from this machine, over loopback, is its administrator',
  },
  {
    key: 'access',
    flag: '--access',
    env: 'HOLDFAST_ACCESS',
    commands: ['global', 'zone'],
    kind: 'yaml',
    schema: accessSchema,
    fallback: defaultAccess,
    describe: "who may do what over the HTTP API: Kuma's static lists and roles, see docs/identity.md",
  },
]
