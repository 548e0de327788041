// node --require of this file: the addon's tables lack what LESSER_KERNEL says in JSON, as those of other kernels do: fields
// and options by name, or bits.
'use strict'
const Module = require('node:module')

const lacks = JSON.parse(process.env.LESSER_KERNEL)
const load = Module._extensions['.node']
Module._extensions['.node'] = function (module, filename) {
  load.call(this, module, filename)
  const { kernel, layout } = module.exports
  if (kernel === undefined) return
  const { field, option } = layout.enums
  const bitOf = (table, name) => (table === 'options' ? 1 << option[name] : field[name])
  for (const [table, lacking] of Object.entries(lacks)) {
    const bits = Array.isArray(lacking) ? lacking.reduce((mask, name) => mask | bitOf(table, name), 0) : lacking
    for (const family of ['IPv4', 'IPv6']) kernel[table][family] &= ~bits
  }
}
