export type { AnswerAdmin } from './admin/clerk.js'
export type { AskOptions } from './admin/desk.js'
export { type AdminKind, type AdminQuestion, adminKinds, adminRequestName } from './admin/messages.js'
export type { Certified } from './certify.js'
export { type CertifyOptions, certifyAt } from './client.js'
export { type NodeDescription, nodeFeatures } from './codec/node.js'
export { type LinkRole, type StreamName, streamNames, streamOf } from './codec/streams.js'
export { type DialOptions, type DialTls, dialKds, type ZoneNodeConfig } from './dial.js'
export type { TurnedAway } from './gate.js'
export { type HookClient, type HookEndpoint, type HookItem, type HookResult, openHook } from './hooks/client.js'
export { HookFailure } from './hooks/failure.js'
export { grpcTarget, type KdsAddress, parseKdsAddress } from './kds-address.js'
export { defaultLimits, type LinkLimits, limitsFor } from './limits.js'
export type { Link, LinkCounters, LinkEvent, LinkPeer, Sendable } from './link.js'
export { type DialingPeer, extensionFeature } from './metadata.js'
export { servedPaths } from './methods.js'
export { type LineOptions, ReplicaClient, type ReplicaServer, serveReplicas } from './replicas/index.js'
export {
  type Admission,
  type AdmissionAnswer,
  type KdsServer,
  type LoneHalf,
  type ServeIdentity,
  type ServeOptions,
  serveKds,
} from './serve.js'
export type { ServeTls } from './serve-tls.js'
export type { LinkEnd, StatusName } from './status.js'
export { type TlsCredentialsOptions, tlsCredentials } from './tls-credentials.js'
