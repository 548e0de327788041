// The main job, from outside: dig asks the responder, a Windows program under Wine, at several addresses. dig takes an
// answer only from the address that it asked.

import { execFile } from 'node:child_process'
import dgram from 'node:dgram'
import { readFileSync, writeFileSync } from 'node:fs'
import timers from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.9']

async function portIn(file) {
  for (let waited = 0; waited < 30_000; waited += 100) {
    const port = /^port (\d+)/m.exec(readFileSync(file, 'utf8'))?.[1]
    if (port !== undefined) return port
    await timers.setTimeout(100)
  }
  throw new Error(`the responder did not start: ${readFileSync(file, 'utf8')}`)
}

async function stop(port) {
  const socket = dgram.createSocket('udp4')
  await promisify(socket.send.bind(socket))('stop', port, '127.0.0.1')
  socket.close()
}

/** Asks at each address, and writes what came as TAP; without the hook only 127.0.0.1 may answer. */
export async function checkResponder(wine, node, args, output, report, options) {
  const hooked = options.env.SENDMSG_HOOK !== undefined
  writeFileSync(output, '')
  const running = wine.run(node, args, output, options)
  const lines = ['TAP version 14', `1..${addresses.length}`]
  const port = await portIn(output)
  for (const [index, address] of addresses.entries()) {
    const options = ['+short', '+tries=1', '+timeout=2', '+noedns', 'TXT', 'example.org']
    const answer = await run('dig', ['-r', `@${address}`, '-p', port, ...options]).catch(({ stdout }) => ({ stdout }))
    const right = answer.stdout.includes(`"asked at ${address}"`)
    const expected = hooked || address === '127.0.0.1'
    const what = `dig @${address} ${expected ? 'is answered' : 'is not answered, as Wine drops the source'}`
    lines.push(`${right === expected ? 'ok' : 'not ok'} ${index + 1} - ${what}`)
  }
  await stop(port)
  const status = await running
  writeFileSync(report, `${lines.join('\n')}\n`)
  return status
}
