// Views whose memory is not what it was.

type Resizable = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & {
  resize(length: number): void
}
const ResizableArrayBuffer = ArrayBuffer as unknown as Resizable

export function detach(view: ArrayBufferView): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
}

export function detached(): Uint8Array {
  const view = new Uint8Array(8)
  detach(view)
  return view
}

/** A view that its buffer, shrunk, no longer holds. */
export function outOfBounds(length?: number): Uint8Array {
  const buffer = new ResizableArrayBuffer(16, { maxByteLength: 16 })
  const view = new Uint8Array(buffer, 8, length)
  buffer.resize(4)
  return view
}

export function revokedProxy(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}
