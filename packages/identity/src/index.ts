export {
  type AccessRules,
  adminName,
  anonymous,
  authenticatedGroup,
  defaultAccess,
  type Level,
  mayAct,
  mayTouch,
  type Role,
  type StaticAction,
  type Subject,
  type Subjects,
  staticActions,
  subjectText,
  unauthenticatedGroup,
} from './access.js'
export { type AccessProblem, accessWarnings, parseAccess } from './access-config.js'
export { type ChainedLine, type ChainState, type ChainStep, emptyChain, followChain } from './audit-chain.js'
export {
  type Authorities,
  authoritiesOf,
  authorityPrefix,
  authorityText,
  type KnownAuthority,
  signingAuthorityName,
} from './certificates/authorities.js'
export {
  certifyGlobal,
  certifyZone,
  createAuthority,
  type Pair,
  requestCertificate,
  type Validity,
} from './certificates/issue.js'
export { type JudgedCertificate, judgeZoneCertificate } from './certificates/judge.js'
export { createMeshAuthority } from './certificates/mesh-authority.js'
export {
  fingerprintOf,
  fingerprintsOf,
  planRotation,
  type RotationPlan,
  type RotationStep,
  rotationSteps,
  shutOut,
  type ZoneProof,
  type ZoneStanding,
} from './certificates/rotation.js'
export { goDurationText, parseGoDuration } from './durations.js'
export {
  keyBytes,
  keyPrint,
  type MasterKey,
  masterKeysText,
  nonceBytes,
  parseMasterKeys,
  seal,
  unseal,
} from './seal.js'
export {
  type Claims,
  controlPlaneScope,
  type DataplaneClaims,
  type TokenKind,
  type UserClaims,
  type ZoneClaims,
} from './tokens/claims.js'
export {
  keyIdOf,
  type NamedBytes,
  newestKey,
  privateKeyPem,
  publicKeyPem,
  readRsaKey,
  revocationsName,
  type SigningKey,
  signingKeyName,
  signingKeyPrefix,
  signingKeysOf,
  zonePublicKeyPrefix,
} from './tokens/keys.js'
export { bearerToken, issueToken, revokedIds, type Verified, verifyToken } from './tokens/tokens.js'
export {
  type Admitted,
  admitZone,
  type Credential,
  type GateRules,
  type Presented,
  withdrawn,
} from './zones/admission.js'
export { type JoinBundle, joinBundleText, parseJoinBundle } from './zones/join-bundle.js'
export {
  parseZoneRevocations,
  withRevoked,
  type ZoneRevocations,
  zoneRevocationsName,
  zoneRevocationsText,
} from './zones/revocations.js'
export { globalId, urisOf, zoneId, zoneOfId } from './zones/spiffe.js'
