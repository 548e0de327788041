// Loads the library once for each name that the addon's layout has, without that name, and prints what came of it: the message
// of the error, or null.
'use strict'
const path = require('node:path')
const load = require('node-gyp-build')

const root = path.dirname(require.resolve('sendmsg/package.json'))
const file = (load.path ?? load.resolve)(root)
const addon = require(file)
const dist = path.join(root, 'dist') + path.sep

function loadWith(layout) {
  for (const name of Object.keys(require.cache)) {
    if (name.startsWith(dist)) delete require.cache[name]
  }
  require.cache[file].exports = { ...addon, layout }
  try {
    require('sendmsg')
    return null
  } catch (error) {
    return error.message
  }
}

/** All paths to numbers. */
function pathsIn(part, before = []) {
  return Object.entries(part).flatMap(([name, inner]) =>
    typeof inner === 'object' ? pathsIn(inner, [...before, name]) : [[...before, name]],
  )
}

function without(part, [name, ...rest]) {
  const copy = { ...part }
  if (rest.length > 0) copy[name] = without(part[name], rest)
  else delete copy[name]
  return copy
}

const { layout } = addon
console.log(JSON.stringify(pathsIn(layout).map((names) => [names.join('.'), loadWith(without(layout, names))])))
