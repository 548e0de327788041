import type { Backlog } from './backlog'
import type { EncodedBatch } from './encoded-batch'
import type { QueuedMessage } from './queued-message'
import { copyFailure, withBytes } from './send-failure'
import { SendRequest } from './send-request'

/**
 * The rest of a segmented message whose first datagrams the kernel took. Its call is settled, and the rest is a copy: the
 * caller can use the memory again.
 */
class DetachedSend extends SendRequest {
  readonly syscall = 'sendmsg'

  constructor(private readonly onError: (error: Error) => void) {
    super()
  }

  protected override resolved(): void {
    // The call was settled when the message was detached.
  }

  protected override rejected(error: Error): void {
    this.onError(error)
  }
}

/**
 * Detaches the first message of a request that is to be settled. The message counts as sent. False when its rest cannot be
 * copied: then the request has failed.
 */
export function detach(backlog: Backlog, message: QueuedMessage): boolean {
  const { messages, listener } = backlog
  const { request } = message
  try {
    messages.copyRest(message)
  } catch (error) {
    const failure = withBytes(copyFailure(error, request.syscall), message.sent)
    messages.removeAll(request)
    backlog.stopIfEmpty()
    request.failed(failure)
    return false
  }
  const detached = new DetachedSend(listener.onBackgroundError)
  message.request = detached
  // It is not in the list while an overlapped send has it.
  if (request.first === message) {
    request.first = message.next as QueuedMessage | undefined
    request.left--
    detached.first = message
    detached.left = 1
  }
  request.taken++
  request.bytes = message.total
  return true
}

/**
 * Appends the rest of message `index` of a batch, of which an immediate call has sent the first datagrams. `before`: how
 * many messages of a sendmmsg were sent before it.
 * @throws SocketError ENOMEM, ERR_INVALID_STATE when the rest cannot be copied
 */
export function addDetached(backlog: Backlog, batch: EncodedBatch, index: number, before?: number): SendRequest {
  const { messages, listener } = backlog
  const request = new DetachedSend(listener.onBackgroundError)
  messages.add(batch, index, index + 1, request)
  const message = request.first!
  try {
    messages.copyRest(message)
  } catch (error) {
    messages.removeAll(request)
    const failure = copyFailure(error, before === undefined ? 'sendmsg' : 'sendmmsg')
    throw withBytes(before === undefined ? failure : Object.assign(failure, { sent: before }), message.sent)
  }
  return request
}

/** Removes the messages that a request still waits for. A message whose first datagrams were sent continues, detached. */
export function cancelRequest(backlog: Backlog, request: SendRequest, reason: Error): void {
  if (request.isSettled || request.left === 0) return
  const first = request.first!
  if (first.progress > 0 && !detach(backlog, first)) return
  backlog.cancel(request, reason)
}
