// node --require of this file puts sendmsg in the place of dgram, for all that CommonJS modules load.

const Module = require('node:module')
// First: it has need of dgram itself.
const sendmsg = require('sendmsg')

const load = Module._load
Module._load = function (request, ...rest) {
  return request === 'dgram' || request === 'node:dgram' ? sendmsg : load.call(this, request, ...rest)
}
