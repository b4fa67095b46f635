export {
  type Conversion,
  type ConvertedResource,
  convertDocument,
  convertKubernetes,
  isKubernetesDocument,
  skippedText,
} from './convert.js'
export {
  type Documents,
  type Place,
  type PlacedMessage,
  placedText,
  readDocuments,
  type SourceDocument,
} from './documents.js'
