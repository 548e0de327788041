import * as api from './api'

export * from './api'
// `import dgram from 'sendmsg'`: the same names, as node:dgram has them.
export default api
