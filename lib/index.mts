// The same objects by `import`: in Node's eyes the default export of a CommonJS module is all of it, not its `default`.
import * as api from './public.js'

export * from './public.js'
export default api
