export { type HookMetrics, hookMetrics } from './metrics.js'
export { HookRunner, type HookRunnerOptions } from './runner.js'
export { coverOf, type PolicyHook } from './settings.js'
