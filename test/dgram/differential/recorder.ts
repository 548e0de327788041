// Runs a script against one implementation, and records what happens.
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type dgram from 'node:dgram'
import type { Entry, State, When } from './entries'
import { asCompared, errorAsCompared, Ports } from './normalise'
import type { Peers } from './peers'
import { methodName, type Script, type Step } from './steps'
import { datagram, sender, Values } from './values'
import type { Descriptors } from './descriptors'

/** What is compared: node:dgram, or this package in its place. */
export type Implementation = Pick<typeof dgram, 'createSocket' | 'Socket'>

type AnySocket = dgram.Socket & Record<string | symbol, unknown>

/** Turns of the loop without anything new after which nothing more comes. */
const QUIET = 4
const PATIENCE = 1000

/** The step that a call was made in. One for all scripts: in older Nodes each slows down what is asynchronous. */
const contexts = new AsyncLocalStorage<number>()

const turnOfLoop = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

export class Recorder {
  private readonly entries: Entry[] = []
  readonly ports = new Ports()
  private readonly sockets = new Map<string, AnySocket>()
  private readonly states = new Map<string, State>()
  private readonly boundTo = new Map<string, number>()
  private readonly names = new Map<unknown, string>()
  private readonly waiting: { socket: string; event: string; resolve: () => void }[] = []
  private readonly values: Values
  private when: When = 'later'
  private step = 0

  constructor(
    private readonly implementation: Implementation,
    private readonly peers: Peers,
    descriptors: Descriptors,
  ) {
    this.values = new Values(descriptors, this.ports, {
      record: (who, what, name, values) => this.record(who, what, name, values),
      execute: (step) => this.execute(step),
      nameOf: (value) => this.names.get(value),
      portOf: (who) => this.portOf(who),
    })
    peers.take()
    peers.names(this.ports)
  }

  async run(script: Script): Promise<Entry[]> {
    const uncaught = (error: unknown): void => this.record('process', 'uncaught', '', [error])
    const published = (message: unknown): void => {
      const { socket } = message as { socket: AnySocket }
      this.record('udp.socket', 'published', String(socket['type']), [socket instanceof this.implementation.Socket])
    }
    process.on('uncaughtException', uncaught)
    subscribe('udp.socket', published)
    await this.runSteps(script.steps)
    await this.end(script.steps.length)
    unsubscribe('udp.socket', published)
    process.removeListener('uncaughtException', uncaught)
    return this.entries
  }

  private async end(step: number): Promise<void> {
    this.step = step
    await this.settle()
    for (const [name, socket] of this.sockets) {
      if (!this.hasEmitted(name, 'close')) this.invoke(name, socket, 'close', [])
    }
    await this.settle()
    this.recordArrived()
  }

  private async runSteps(steps: readonly Step[]): Promise<void> {
    let next = 0
    // The steps up to the next one that lets the loop turn, each as an immediate's own call.
    const runSome = (stopped: () => void): void => {
      while (next < steps.length) {
        const step = steps[next]!
        this.step = next++
        if (step.do === 'tick') {
          this.when = 'tick'
          process.nextTick(runSome, stopped)
          return
        }
        if (step.do === 'turn' || step.do === 'settle' || step.do === 'wait') break
        contexts.run(this.step, () => this.execute(step))
      }
      this.when = 'tick'
      stopped()
    }
    while (next < steps.length) {
      await new Promise<void>((resolve) => {
        setImmediate(runSome, resolve)
        // After the ticks of the first.
        setImmediate(() => (this.when = 'later'))
      })
      const step = steps[this.step]!
      if (step.do === 'settle') await this.settle()
      else if (step.do === 'wait') await this.waitFor(step.socket, step.event)
      else await turnOfLoop()
    }
  }

  private execute(step: Step): void {
    const before = this.when
    this.when = 'sync'
    switch (step.do) {
      case 'create':
        this.create(step.socket, step.options, step.events)
        break
      case 'call':
        this.invoke(step.socket, this.sockets.get(step.socket), step.method, step.args)
        break
      case 'get':
        this.record(step.socket, 'returned', step.property, [this.sockets.get(step.socket)?.[step.property]])
        break
      case 'on': {
        const listener = this.values.resolve(step.listener) as (...args: unknown[]) => void
        this.sockets.get(step.socket)?.[step.once ? 'once' : 'on'](step.event, listener)
        break
      }
      case 'soon': {
        const callback = this.values.resolve(step.callback) as () => void
        if (step.how === 'tick') process.nextTick(callback)
        else void Promise.resolve().then(callback)
        break
      }
      case 'abort':
        this.values.signal(step.signal).abort()
        break
      case 'peer sends': {
        const port = this.portOf(step.to)
        if (port > 0) this.peers.send(step.peer, port, step.data)
        break
      }
      case 'peer got':
        this.recordArrived()
        break
      default:
        // What lets the loop turn, which runSteps() does; not in a callback.
        break
    }
    this.when = before
  }

  private create(name: string, options: unknown, events: readonly string[]): void {
    let socket: AnySocket
    try {
      socket = this.implementation.createSocket(this.values.resolve(options) as dgram.SocketOptions) as AnySocket
    } catch (error) {
      this.record(name, 'threw', 'createSocket', [error])
      return
    }
    this.sockets.set(name, socket)
    this.states.set(name, 'unbound')
    this.names.set(socket, `<${name}>`)
    this.record(name, 'returned', 'createSocket', [socket instanceof this.implementation.Socket])
    for (const event of events) socket.on(event, this.listener(name, socket, event))
  }

  private listener(name: string, socket: AnySocket, event: string): (...args: unknown[]) => void {
    const record = (self: unknown, args: readonly unknown[]): void => {
      if (event === 'listening') this.isBound(name, socket)
      if (event === 'error' && this.states.get(name) === 'binding') this.states.set(name, 'unbound')
      const values = event === 'message' ? [datagram(args[0]), sender(args[1], this.ports)] : args
      this.record(name, 'emitted', event, [...values, ...(self === socket ? [] : ['with another this'])])
      for (const waiter of this.waiting) {
        if (waiter.socket === name && waiter.event === event) waiter.resolve()
      }
    }
    return function (this: unknown, ...args: unknown[]) {
      record(this, args)
    }
  }

  private isBound(name: string, socket: AnySocket): void {
    this.states.set(name, 'bound')
    try {
      const { port } = socket.address()
      this.boundTo.set(name, port)
      this.ports.name(port, name)
    } catch {
      // Closed meanwhile.
    }
  }

  private invoke(name: string, socket: AnySocket | undefined, method: string | symbol, args: readonly unknown[]): void {
    if (socket === undefined) return
    const called = methodName(method)
    const state = this.states.get(name)!
    const implementation = socket[method]
    if (typeof implementation !== 'function') {
      this.record(name, 'has no', called, [], state)
      return
    }
    try {
      const result: unknown = implementation.apply(
        socket,
        args.map((value) => this.values.resolve(value)),
      )
      if ((called === 'bind' || called === 'bindSync') && state === 'unbound') this.states.set(name, 'binding')
      if (called === 'close') this.states.set(name, 'closed')
      this.record(name, 'returned', called, [result], state)
      if (result instanceof Promise) {
        result.then(
          (value) => this.record(name, 'resolved', called, [value]),
          (error: unknown) => this.record(name, 'rejected', called, [error]),
        )
      }
    } catch (error) {
      this.record(name, 'threw', called, [error], state)
    }
  }

  private hasEmitted(socket: string, event: string): boolean {
    return this.entries.some(({ who, what, name }) => who === socket && what === 'emitted' && name === event)
  }

  private record(who: string, what: Entry['what'], name: string, values: readonly unknown[], state?: State): void {
    const compared = values.map((value) =>
      what === 'threw' || what === 'uncaught' || what === 'rejected'
        ? errorAsCompared(value, this.ports)
        : asCompared(value, this.names, this.ports),
    )
    const isListener = what === 'emitted' || what === 'called' || what === 'looked up'
    const context = isListener ? contexts.getStore() : undefined
    this.entries.push({
      step: this.step,
      when: this.when,
      who,
      what,
      name,
      values: compared,
      ...(context === undefined ? {} : { context }),
      ...(state === undefined ? {} : { state }),
    })
  }

  private recordArrived(): void {
    for (const { peer, address, port, data } of this.peers.take()) {
      this.record(peer, 'received', data, [{ address, port }])
    }
  }

  /** 0 for a socket that is not bound. Nobody has port 1. */
  private portOf(who: string): number {
    if (who === 'nobody') return 1
    if (this.peers.isPeer(who)) return this.peers.port(who)
    return this.boundTo.get(who) ?? 0
  }

  private async settle(): Promise<void> {
    let quiet = 0
    let known = this.entries.length
    while (quiet < QUIET) {
      await this.peers.barrier()
      await turnOfLoop()
      this.when = 'later'
      if (this.entries.length === known) quiet++
      else quiet = 0
      known = this.entries.length
    }
  }

  private async waitFor(socket: string, event: string): Promise<void> {
    if (this.hasEmitted(socket, event)) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.record(socket, 'waited in vain', event, [])
        resolve()
      }, PATIENCE)
      this.waiting.push({
        socket,
        event,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      })
    })
  }
}
