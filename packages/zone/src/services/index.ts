export type { ProblemReason, ServiceProblem } from './service-plan.js'
export { type KnownProblem, type ServiceOptions, ServiceRuntime, servicesLease } from './service-runtime.js'
