import type { Message, MessageInfo, ReceivedData } from '../types'

/** What is made of received messages: objects that have their data, infos with the data beside them, or both. */
export interface Form {
  readonly messages: boolean
  readonly infos: boolean
}

export const MESSAGES: Form = { messages: true, infos: false }

const NO_INFOS: MessageInfo[] = []
const NO_DATA: ReceivedData[] = []

/** Received messages, in order, in the forms that were asked for; `data` goes with `infos`. */
export class Batch {
  readonly messages: Message[] = []
  readonly infos: MessageInfo[]
  readonly data: ReceivedData[]

  constructor(readonly form: Form) {
    this.infos = form.infos ? [] : NO_INFOS
    this.data = form.infos ? [] : NO_DATA
  }

  get length(): number {
    return this.form.messages ? this.messages.length : this.infos.length
  }

  /** Messages `first` to `end`. Infos stand alone where nobody asked for messages when they came. */
  messagesFrom(first: number, end: number): Message[] {
    if (this.form.messages) return this.messages.slice(first, end)
    return this.infos.slice(first, end).map((info, at) => ({ ...info, data: this.data[first + at]! }))
  }

  infoAt(index: number): MessageInfo {
    if (this.form.infos) return this.infos[index]!
    const info: Partial<Message> & MessageInfo = { ...this.messages[index]! }
    delete info.data
    return info
  }

  dataAt(index: number): ReceivedData {
    return this.form.infos ? this.data[index]! : this.messages[index]!.data
  }

  /** Leaves out what `drops` says, from index `first` on. */
  filter(first: number, drops: (info: MessageInfo) => boolean): void {
    const { form, messages, infos, data } = this
    let kept = first
    const end = this.length
    for (let index = first; index < end; index++) {
      if (drops(form.messages ? messages[index]! : infos[index]!)) continue
      if (form.messages) messages[kept] = messages[index]!
      if (form.infos) {
        infos[kept] = infos[index]!
        data[kept] = data[index]!
      }
      kept++
    }
    if (form.messages) messages.length = kept
    if (form.infos) infos.length = data.length = kept
  }
}
