// The same objects by `import`: in Node's eyes the default export of a CommonJS module is all of it, not its `default`.
import * as api from './api.js'

export * from './api.js'
export default api
