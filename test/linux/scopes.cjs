// Multicast to scopes of every kind, through two links: which of them each datagram came in on.
'use strict'
const { createSocket, sendmmsg } = require('sendmsg')
const { readFileSync } = require('node:fs')

const indexOf = (name) => Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'))
const names = new Map(['p0', 'p1'].map((name) => [indexOf(name), name]))

async function main() {
  const receiver = createSocket({ type: 'udp6', pull: true })
  const { port } = receiver.bindSync({ address: '::' })
  for (const group of ['ff02::77', 'ff05::77', 'ff08::77', 'ff0e::77']) {
    for (const link of ['p0', 'p1']) receiver.addMembership(group, `::%${link}`)
  }
  const heard = {}
  const note = async (what) => {
    const message = await receiver.recvmsg({ timeout: 5000 }).catch(({ code }) => ({ code }))
    heard[what] = names.get(message.interface) ?? message.code
  }
  const sender = createSocket({ type: 'udp6', pull: true })
  const data = Buffer.from('x')
  for (const link of ['s0', 's1']) {
    for (const group of ['ff02::77', 'ff05::77', 'ff08::77', 'ff0e::77']) {
      const address = `${group}%${link}`
      await sender.sendmsg({ data, address, port })
      await note(`sendmsg ${address}`)
    }
    await sendmmsg(sender, [{ data, address: `ff05::77%${link}`, port }])
    await note(`sendmmsg ff05::77%${link}`)
    await new Promise((sent) => sender.send(data, port, `ff05::77%${link}`, sent))
    await note(`dgram's form ff05::77%${link}`)
    await sender.sendmsg({ data, address: 'ff05::77', port, interface: link })
    await note(`interface ${link}`)
    const connected = createSocket({ type: 'udp6', pull: true })
    connected.connectSync(port, `ff05::77%${link}`)
    await connected.sendmsg({ data })
    await note(`connected ff05::77%${link}`)
    connected.close()
  }
  const codes = []
  for (const wrong of [
    { address: 'ff05::77%s0', interface: 's1' },
    { address: 'ff05::77%s0', source: 'fe80::1%s1' },
    { address: 'ff02::77%s0', interface: 's1' },
  ]) {
    await sender.sendmsg({ data, port, ...wrong }).catch(({ code }) => codes.push(code))
  }
  sender.close()
  receiver.close()
  console.log(JSON.stringify({ heard, codes }))
}

void main()
