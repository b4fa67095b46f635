import { storeConformance } from '../conformance/suite.js'
import { openMemory } from './testing.js'

storeConformance('memory', openMemory)
