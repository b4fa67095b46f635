/** Who a token speaks for. The three kinds of Kuma, each with signing keys of its own. */
export type Claims = UserClaims | ZoneClaims | DataplaneClaims

export interface UserClaims {
  readonly kind: 'user'
  readonly name: string
  readonly groups: readonly string[] | null
}

export interface ZoneClaims {
  readonly kind: 'zone'
  readonly zone: string
  /** `cp`: a zone's control plane; `ingress`, `egress`: its proxies. */
  readonly scope: readonly string[] | null
}

export interface DataplaneClaims {
  readonly kind: 'dataplane'
  readonly name: string
  readonly mesh: string
  readonly tags: Readonly<Record<string, readonly string[]>>
  readonly type: string
  readonly workload: string
}

export type TokenKind = Claims['kind']

/** Scope of a token with which a zone's control plane joins; see `kuma generate zone-token --scope`. */
export const controlPlaneScope = 'cp'

/** Private claims under Kuma's names, in its order. */
export function privateClaims(claims: Claims): Record<string, unknown> {
  switch (claims.kind) {
    case 'user':
      return { Name: claims.name, Groups: claims.groups }
    case 'zone':
      return { Zone: claims.zone, Scope: claims.scope }
    case 'dataplane':
      return {
        Name: claims.name,
        Mesh: claims.mesh,
        Tags: claims.tags,
        Type: claims.type,
        Workload: claims.workload,
      }
  }
}

/** Reads the private claims of a payload; undefined if they are not those of this kind. */
export function claimsOf(kind: TokenKind, payload: Readonly<Record<string, unknown>>): Claims | undefined {
  switch (kind) {
    case 'user': {
      const { Name: name, Groups: groups = null } = payload
      return isText(name) && isListOrNull(groups) ? { kind, name, groups } : undefined
    }
    case 'zone': {
      const { Zone: zone, Scope: scope = null } = payload
      return isText(zone) && isListOrNull(scope) ? { kind, zone, scope } : undefined
    }
    case 'dataplane': {
      const { Name: name = '', Mesh: mesh, Tags: tags = {}, Type: type = '', Workload: workload = '' } = payload
      return isText(name) && isText(mesh) && isTags(tags) && isText(type) && isText(workload)
        ? { kind, name, mesh, tags: tags ?? {}, type, workload }
        : undefined
    }
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isList = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText)
const isListOrNull = (value: unknown): value is readonly string[] | null => value === null || isList(value)
const isTags = (value: unknown): value is Readonly<Record<string, readonly string[]>> | null =>
  value === null || (typeof value === 'object' && !Array.isArray(value) && Object.values(value ?? {}).every(isList))
