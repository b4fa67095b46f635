export { type GuiAsset, guiAssets } from './assets.js'
