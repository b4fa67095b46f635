export { RedisHints, type RedisHintsOptions, type RedisHintsView } from './redis-hints.js'
export { noticedWithinMs } from './redis-link.js'
export { parseRedisUrl, type RedisTarget, redisUrlHelp } from './redis-url.js'
