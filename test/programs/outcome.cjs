// What the programs share. Each is started with the name of the module that stands for dgram.

const { subscribe } = require('node:diagnostics_channel')
const { once } = require('node:events')
const { Socket } = require('sendmsg')

const [, , dgramName, ...parameters] = process.argv

// Node tells of its new sockets here, and so does sendmsg of its own.
const sockets = { dgram: 0, sendmsg: 0 }
subscribe('udp.socket', ({ socket }) => sockets[socket instanceof Socket ? 'sendmsg' : 'dgram']++)

module.exports = {
  dgram: require(dgramName),
  parameters,
  /** The libraries are given their sockets; else they make them. */
  given: parameters.includes('given'),

  /** Prints what came of the program, and whose sockets it took. */
  async outcome(program) {
    const result = await program()
    console.log(JSON.stringify({ sockets, result }))
  },

  /** Binds a socket to a free port, and returns the port. */
  async bound(socket, address) {
    socket.bind(0, address)
    await once(socket, 'listening')
    return socket.address().port
  },

  /** What `start` gives to its callback. */
  called(start) {
    return new Promise((resolve, reject) => {
      start((error, ...results) => (error ? reject(error) : resolve(results[0])))
    })
  },

  messageOf: (error) => error.message,
}
