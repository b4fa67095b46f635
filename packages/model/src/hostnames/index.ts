export {
  assignHostnames,
  type Hostname,
  type HostnameAddress,
  type HostnameCondition,
  type HostnameGeneratorStatus,
  hostnamesOf,
  type ServiceHostnames,
} from './assign.js'
export { type DefaultGenerator, defaultHostnameGenerators } from './defaults.js'
export { generateHostname, type HostnameGenerator, hostnameGeneratorOf, type NameableService } from './generator.js'
