import * as api from './public'

export * from './public'
// `import dgram from 'sendmsg'`: the same names, as node:dgram has them.
export default api
