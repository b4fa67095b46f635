export { type ReplicaAnswerer, Replicas, type ReplicasOptions } from './replicas.js'
