// A DNS responder on 0.0.0.0, to be run as a Windows program and asked from outside: scripts/windows/responder.mjs. Answers
// TXT queries with the address that was asked; ends when it is told to stop, or after a minute.
import { decode, encode } from 'dns-packet'
import { createSocket, replyTo } from 'sendmsg'

// Best effort, so that without the hook it answers, from the wrong address.
const socket = createSocket({ type: 'udp4', unsupported: 'ignore' })
socket.on('message', (query, info) => {
  if (query.toString() === 'stop') {
    socket.close()
    return
  }
  const { id = 0, questions = [] } = decode(query)
  const answers = questions.map(
    ({ name }) => ({ type: 'TXT', name, data: `asked at ${String(info.destination)}` }) as const,
  )
  socket.send({ data: encode({ type: 'response', id, questions, answers }), ...replyTo(info) })
})
socket.bind(0, '0.0.0.0', () => {
  console.log(`port ${String(socket.address().port)}`)
})
setTimeout(() => process.exit(1), 60_000).unref()
