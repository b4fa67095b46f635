export { ReplicaClient } from './replica-client.js'
export { type ReplicaServer, type ReplicaServerOptions, serveReplicas } from './replica-server.js'
export type { LineOptions } from './secure-line.js'
