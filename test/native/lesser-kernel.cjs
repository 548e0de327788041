// node --require of this file: the addon's tables lack what LESSER_KERNEL says in JSON, as those of other kernels do.
'use strict'
const Module = require('node:module')

const lacks = JSON.parse(process.env.LESSER_KERNEL)
const load = Module._extensions['.node']
Module._extensions['.node'] = function (module, filename) {
  load.call(this, module, filename)
  const { kernel } = module.exports
  if (kernel === undefined) return
  for (const [table, bits] of Object.entries(lacks)) {
    for (const family of ['IPv4', 'IPv6']) kernel[table][family] &= ~bits
  }
}
