// What Node does since some version, and ours everywhere.
import type { Step } from '../steps'
import { calls, uses, type NewerNode } from './pair'

const hasOption =
  (...names: string[]) =>
  (step: Step): boolean =>
    step.do === 'create' &&
    typeof step.options === 'object' &&
    step.options !== null &&
    names.some((name) => Object.hasOwn(step.options as object, name))

export const newerNode: readonly NewerNode[] = [
  {
    name: 'bindSync() and connectSync()',
    reason: 'Node has them since 24',
    since: 24,
    applies: (script) => uses(script, calls('bindSync', 'connectSync')),
  },
  {
    name: 'block lists',
    reason: 'Node has them since 22',
    since: 22,
    applies: (script) => uses(script, hasOption('receiveBlockList', 'sendBlockList')),
  },
  {
    name: 'reusePort',
    reason: 'Node has it since 22',
    since: 22,
    applies: (script) => uses(script, hasOption('reusePort')),
  },
  {
    name: "bind()'s error where nobody listens for errors",
    reason: 'with a callback it was swallowed before Node 24, and is an uncaught exception since',
    since: 24,
    applies: (script) =>
      uses(script, (step) => step.do === 'create' && !step.events.includes('error')) && uses(script, calls('bind')),
  },
  {
    name: "the port '0'",
    reason: 'as a string it passed for a port to send to before Node 24',
    since: 24,
    applies: (script) => uses(script, (step) => step.do === 'call' && step.method === 'send' && step.args[1] === '0'),
  },
]
