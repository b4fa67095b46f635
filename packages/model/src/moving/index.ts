export {
  type Copied,
  changeOf,
  copyResource,
  type MovePlan,
  type MoveSource,
  type MoveTarget,
  type Moving,
  moveProblem,
  planMove,
  type Staying,
  type VipClaim,
} from './plan.js'
export { labelsOf, systemNamespaceDefault, universalObject, withOwner } from './universal.js'
