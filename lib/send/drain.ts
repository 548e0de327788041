import { binding, report } from '../native/addon'
import { Wait } from '../native/constants'
import { MAX_RECORDS } from '../native/control'
import { sharedSlots } from '../native/slots'
import type { Backlog } from './backlog'
import type { QueuedMessage } from './queued-message'
import { sendFailure } from './send-failure'
import type { SendRequest } from './send-request'
import { loadQueued, type Submitter } from './submit'

const { slotCount } = binding.layout

/** Messages that are sent in one turn of the event loop at most, so that one socket does not starve the others. */
const MAX_PER_TURN = 4 * slotCount

/** The result of drain(). */
export interface Drained {
  /** Whether a message was sent or has failed. */
  readonly moved: boolean
  /** Why the kernel took no more; Wait.none: it may take more. */
  readonly wait: number
}

/** Sends what waits, in as few immediate calls as there can be, until the kernel takes no more. */
export function drain(backlog: Backlog, submitter: Submitter): Drained {
  const { messages, context } = backlog
  let moved = false
  for (let turn = 0; turn < MAX_PER_TURN && messages.count > 0;) {
    const batch = load(backlog, slotCount)
    if (batch.length === 0) continue // the first message could not be sent any more
    let taken: number
    try {
      taken = submitter.submitQueued(batch)
    } catch (error) {
      backlog.cancel(batch[0]!.request, error as Error)
      continue
    }
    const status = report.status()
    const wait = report.wait()
    const next = batch[taken]
    next?.takeSlot(sharedSlots.bytes, taken)
    // From here on nothing shared is read: settling a request can run code of the program.
    turn += taken + 1
    moved ||= taken > 0 || status !== 0
    const done = removeSent(backlog, batch, taken)
    const failed = next !== undefined && status !== 0 ? next.request : undefined
    const error = failed && sendFailure(status, failed.syscall, context.peer !== undefined, next!.place, next!.sent)
    if (failed !== undefined) messages.removeAll(failed)
    for (const request of done) request.done()
    failed?.failed(error!)
    if (next !== undefined && failed === undefined) return { moved, wait }
  }
  return { moved, wait: Wait.none }
}

/** Copies the first messages, at most `max`, into the shared slots. A message whose data has changed meanwhile fails. */
export function load(backlog: Backlog, max: number): QueuedMessage[] {
  const batch: QueuedMessage[] = []
  let recordSize = 0
  for (let message = backlog.messages.first; message !== undefined && batch.length < max;) {
    try {
      message.checkData()
    } catch (error) {
      // Those in front of it are sent first.
      if (batch.length === 0) backlog.cancel(message.request, error as Error)
      break
    }
    recordSize += message.records?.byteLength ?? 0
    if (recordSize > MAX_RECORDS) break
    batch.push(message)
    message = message.next as QueuedMessage | undefined
  }
  loadQueued(batch)
  return batch
}

/** Removes the messages that the kernel took, the first of `batch`. Returns the requests that are done. */
function removeSent({ messages }: Backlog, batch: readonly QueuedMessage[], taken: number): SendRequest[] {
  const done: SendRequest[] = []
  for (let index = 0; index < taken; index++) {
    const message = batch[index]!
    const { request } = message
    messages.unlink(message)
    messages.uncount(message)
    request.taken++
    request.bytes = message.total
    if (request.left === 0) done.push(request)
  }
  return done
}
