// The names that the package exports, by every way to load it.

import { createRequire } from 'node:module'
import dgram, * as named from 'sendmsg'
import { createSocket, sendmsg } from 'sendmsg'

const required = createRequire(import.meta.url)('sendmsg')
const names = (object) =>
  Object.keys(object)
    .filter((name) => !['default', 'module.exports', '__esModule'].includes(name))
    .sort()
const same = [named, required].every((one) => names(one).every((name) => one[name] === required[name]))
console.log(
  JSON.stringify({
    named: names(named),
    required: names(required),
    byDefault: names(dgram.default ?? dgram),
    same,
    direct: dgram.sendmsg === sendmsg && dgram.createSocket === createSocket && required.default?.sendmsg === sendmsg,
  }),
)
