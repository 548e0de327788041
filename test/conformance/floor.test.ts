// The least that each platform must do: helpers/floor.ts.
import t from 'tap'
import { type Support } from 'sendmsg'
import { floor } from '../helpers/floor'
import { platform, qemu, can } from './setup'

t.test('the least that this platform must do', async (t) => {
  for (const direction of ['send', 'receive'] as const) {
    for (const [field, least] of Object.entries(floor[direction])) {
      const found = (can[direction] as Record<string, Partial<typeof least>>)[field] ?? {}
      for (const [family, support] of Object.entries(least) as ['IPv4' | 'IPv6', Support][]) {
        const enough = support === 'kernel' ? ['kernel'] : ['kernel', 'emulated']
        t.ok(enough.includes(String(found[family])), `${direction} ${field}, ${family}: ${String(found[family])}`)
      }
    }
  }
  for (const flag of floor.flags) t.equal((can.flags as Record<string, boolean>)[flag], true, `flags.${flag}`)
  t.ok(can.maxSegments >= floor.maxSegments, 'segments')
  if (platform !== 'linux' || qemu) return
  const named = (fields: object): string[] => Object.keys(fields).sort()
  t.same(named(can.send), named(floor.send), 'there is no field that may be lacked on Linux')
  t.same(named(can.receive), named(floor.receive), 'nor one of what is received')
})
