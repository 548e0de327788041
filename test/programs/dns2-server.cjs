// A DNS server on dns2, which knows these names.

const { Packet, createUDPServer } = require('dns2')

const records = {
  'one.example.org': { A: [{ address: '192.0.2.1' }], AAAA: [{ address: '2001:db8::1' }] },
  'many.example.org': { A: ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => ({ address })) },
  'text.example.org': { TXT: [{ data: 'v=spf1 -all' }, { data: 'a second; "quoted"' }] },
  // Longer than 512 bytes.
  'long.example.org': { TXT: Array.from({ length: 5 }, (_, index) => ({ data: `${index}${'x'.repeat(199)}` })) },
}

const typeNames = Object.fromEntries(Object.entries(Packet.TYPE).map(([name, number]) => [number, name]))

function answer(request, send) {
  const [{ name, type }] = request.questions
  const response = Packet.createResponseFromRequest(request)
  const known = records[name.toLowerCase()]
  response.header.aa = 1
  if (known === undefined) response.header.rcode = Packet.RCODE.NXDOMAIN
  for (const record of known?.[typeNames[type]] ?? []) {
    response.answers.push({ name, type, class: Packet.CLASS.IN, ttl: 300, ...record })
  }
  void send(response)
}

module.exports = { createServer: () => createUDPServer(answer) }
