import { OwnError } from './failures'
import type { Random } from './random'

const thrower = (): never => {
  throw new OwnError('a value')
}

/** Any value at all. */
export function nonsense(random: Random): unknown {
  const values: readonly (() => unknown)[] = [
    () => undefined,
    () => null,
    () => NaN,
    () => -0,
    () => -1,
    () => 0,
    () => 1,
    () => 1.5,
    () => 255,
    () => 256,
    () => 65_536,
    () => 2 ** 31,
    () => 2 ** 32 + 1,
    () => Number.MAX_SAFE_INTEGER,
    () => -Infinity,
    () => 1n,
    () => 2n ** 70n,
    () => true,
    () => '',
    () => 'x',
    () => '127.0.0.1',
    () => '::1%lo',
    () => '127.0.0.1\0',
    () => 'é'.repeat(5000),
    () => Symbol('nonsense'),
    () => ({}),
    () => [],
    () => [[]],
    () => new Array<unknown>(3),
    () => Object.create(null) as unknown,
    () => () => undefined,
    () => Object,
    () => new Date(NaN),
    () => /x/,
    () => new Map(),
    () => Buffer.from('data'),
    () => new ArrayBuffer(4),
    () => new Proxy({}, { get: thrower, has: thrower, ownKeys: thrower }),
    () => new Proxy([], {}),
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    },
    () => ({ valueOf: thrower, toString: thrower, [Symbol.toPrimitive]: thrower }),
    () => ({ toString: () => '53', valueOf: () => 53 }),
    () => ({ length: -1 }),
    () => new Error('a value'),
    () => Promise.resolve(1),
  ]
  return random.one(values)()
}
