export * from './endpoints/index.js'
export { askProxyAdmin, type ProxyAdminOptions } from './proxy-admin.js'
export * from './runtime.js'
export * from './services/index.js'
