export type { ProblemReason, ServiceProblem } from './service-plan.js'
export { type KnownProblem, type ServiceOptions, ServiceRuntime } from './service-runtime.js'
