export { asControlPlane } from './control-plane.js'
export { copyOf, type Image } from './image.js'
export { MemoryStore, type MemoryStoreOptions, type Planted } from './memory-store.js'
export { type Difference, differencesOf } from './verify.js'
