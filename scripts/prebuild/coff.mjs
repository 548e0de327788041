// Symbols of object files for Windows: Microsoft, "PE Format", COFF symbol table.
const SYMBOL = 18
const EXTERNAL = 2

/** Names of what an object refers to and does not have, as its processor decorates them. */
export function undefinedSymbols(object) {
  const table = object.readUInt32LE(8)
  const count = object.readUInt32LE(12)
  const strings = table + count * SYMBOL
  const names = []
  for (let index = 0; index < count; index++) {
    const at = table + index * SYMBOL
    const [value, section, storage, more] = [
      object.readUInt32LE(at + 8),
      object.readInt16LE(at + 12),
      object.readUInt8(at + 16),
      object.readUInt8(at + 17),
    ]
    if (section === 0 && value === 0 && storage === EXTERNAL) names.push(nameAt(object, at, strings))
    index += more
  }
  return names
}

/** In eight bytes, or, behind four zeros, where it is among the strings. */
function nameAt(object, at, strings) {
  const long = object.readUInt32LE(at) === 0
  const start = long ? strings + object.readUInt32LE(at + 4) : at
  const end = object.indexOf(0, start)
  return object.toString('latin1', start, long ? end : Math.min(end === -1 ? at + 8 : end, at + 8))
}
