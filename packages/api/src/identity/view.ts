import type { Claims, Pair } from '@holdfast/identity'
import type { MeshAuthority } from '@holdfast/model'
import type { RotationView } from './rotation-view.js'

/** What this control plane can do about who is who. */
export interface IdentityView {
  /**
   * Issues a token.
   * @throws Problem `missing` with the name of the signing key that is not here
   */
  issue(claims: Claims, validForMs: number): Promise<string>
  /** Global: everything that a zone needs to join, as text. @throws Problem */
  joinBundle(request: {
    readonly zone: string
    readonly validForMs: number
    /** Where the zone is to dial; what global advertises, or where it listens, if not said. */
    readonly addresses: readonly string[]
    readonly actor: string
  }): Promise<string>
  /** Global: whatever was issued to the zone so far is void, and its sessions end. @throws Problem */
  revokeZone(zone: string, actor: string): Promise<{ readonly revokedAtMs: number }>
  /** A new authority for a mesh that wants one. It is kept by nobody but who asks. */
  newMeshAuthority(mesh: string, wanted: MeshAuthority): Promise<Pair>
  readonly rotation: RotationView
}
