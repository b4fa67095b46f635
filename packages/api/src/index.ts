export { createApi } from './create-api.js'
export { localhostAdmin } from './http/localhost-admin.js'
export {
  type AskForProof,
  type AuthorityRotated,
  type RotationStanding,
  type RotationView,
  renewQuestion,
  type SigningKeyRotated,
} from './identity/rotation-view.js'
export type { IdentityView } from './identity/view.js'
export { EstateReader } from './insights/reader.js'
export { servicesOf } from './insights/service-insight.js'
export { describeApi } from './openapi/describe.js'
export {
  type Actor,
  type ApiLimits,
  type ApiOptions,
  type Authenticate,
  type Caller,
  defaultLimits,
  type Mode,
  type ServerInfo,
} from './options.js'
export { policiesOfNewMesh } from './resources/initial-policies.js'
export {
  type AskProxy,
  type ChannelSync,
  noSync,
  type PeerSync,
  type ProxyQuestion,
  type SyncView,
} from './sync/sync-view.js'
export { createAnswerer, createGlobalAnswerer, proxyQuestion, readProxyAnswer } from './vips/questions.js'
