// Sends a datagram to a socket on the wildcard address, and prints what came, and to which address.

const { once } = require('node:events')

module.exports = async function exchange({ createSocket, sendmsg }) {
  const receiver = createSocket('udp4')
  receiver.bind()
  await once(receiver, 'listening')
  const sender = createSocket('udp4')
  const received = once(receiver, 'message')
  await sendmsg(sender, { data: Buffer.from('hello'), address: '127.0.0.1', port: receiver.address().port })
  const [data, { destination }] = await received
  console.log(JSON.stringify({ data: String(data), destination }))
  receiver.close()
  sender.close()
}
