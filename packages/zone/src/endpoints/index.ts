export { EndpointFile, endpointFileName } from './endpoint-file.js'
export { EndpointKeeper, globalEndpointsKey } from './endpoint-keeper.js'
export { Endpoints, type EndpointView } from './endpoints.js'
