import dgram, { createSocket, sendmsg } from 'sendmsg'
import exchange from './exchange.cjs'

await exchange({ createSocket, sendmsg })
await exchange(dgram)
