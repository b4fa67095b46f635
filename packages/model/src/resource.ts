/** Who a resource is: unique in one control plane's store. `mesh` is '' for types of global scope. */
export interface ResourceKey {
  readonly type: string
  readonly mesh: string
  /** The name under which this control plane stores it: plain at its origin, the export name everywhere else. */
  readonly name: string
}

/**
 * The control plane that owns a resource's spec: '' is global, anything else the name of a zone.
 * It is taken from the authenticated connection or from our own role, never from a payload (ATTR).
 */
export type Origin = string
export const globalOrigin: Origin = ''

/**
 * Who may see a resource outside the control plane that keeps it.
 * `all`: every zone and global, as the type's direction flags say; `none`: never sent; `suspended`: its mesh is gone,
 * neither sent nor served, its VIP is kept.
 */
export type Audience = 'none' | 'all' | 'suspended'

/** Addresses of one owner as they travel beside a resource: canonical text form, IPv4 before IPv6. */
export interface Vips {
  readonly addresses: readonly string[]
  /** Raised only by an audited command or when a freed key returns; a higher one replaces a lower one. */
  readonly generation: number
}

/** What the origin owns of a resource; everything else in a row is bookkeeping of the control plane that keeps it. */
export interface ResourceContent {
  /** As the origin stores them, without `kuma.io/origin`, which is computed from role and origin. */
  readonly labels: Readonly<Record<string, string>>
  /** Type URL of the spec's Any: '' for types whose spec is JSON. */
  readonly typeUrl: string
  /** Value of the spec's Any, kept verbatim: JSON text (UTF-8) or protobuf. */
  readonly spec: Uint8Array
}

/** A resource as one control plane keeps it. */
export interface Resource extends ResourceKey, ResourceContent {
  readonly origin: Origin
  /** Name in export form: what every other control plane calls it. */
  readonly exportName: string
  readonly displayName: string
  /** Kubernetes namespace, '' where there is none. */
  readonly namespace: string
  readonly audience: Audience
  /** `undefined`: none (yet). */
  readonly vips?: Vips | undefined
}

/** A resource in export form, as a sender puts it on the wire: equal at its origin and at every replica. */
export interface ExportedResource extends ResourceContent {
  readonly type: string
  readonly mesh: string
  /** Export name. */
  readonly name: string
  readonly status?: Uint8Array | undefined
  readonly vips?: Vips | undefined
}
