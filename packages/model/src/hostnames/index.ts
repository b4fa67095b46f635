export { assignHostnames, type Hostname, hostnamesOf } from './assign.js'
export { type DefaultGenerator, defaultHostnameGenerators } from './defaults.js'
export { generateHostname, type HostnameGenerator, hostnameGeneratorOf, type NameableService } from './generator.js'
export {
  type HostnameAddress,
  type HostnameCondition,
  type HostnameGeneratorStatus,
  HostnameIndex,
  type ServiceHostnames,
} from './hostname-index.js'
