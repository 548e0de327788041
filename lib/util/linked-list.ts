/** What stands in a LinkedList: a subclass has its content. */
export class ListNode {
  /** The list's own. */
  previous: ListNode | undefined
  next: ListNode | undefined
}

/** A queue whose elements can also be taken out of the middle, each in constant time. */
export class LinkedList<T extends ListNode> {
  first: T | undefined
  private last: T | undefined

  push(node: T): void {
    node.previous = this.last
    node.next = undefined
    if (this.last === undefined) this.first = node
    else this.last.next = node
    this.last = node
  }

  /** Takes out an element of this list. */
  remove(node: T): void {
    const { previous, next } = node
    if (previous === undefined) this.first = next as T | undefined
    else previous.next = next
    if (next === undefined) this.last = previous as T | undefined
    else next.previous = previous
    node.previous = undefined
    node.next = undefined
  }

  /** Puts `node` in the place of `other`. */
  replace(other: T, node: T): void {
    const { previous, next } = other
    node.previous = previous
    node.next = next
    if (previous === undefined) this.first = node
    else previous.next = node
    if (next === undefined) this.last = node
    else next.previous = node
    other.previous = undefined
    other.next = undefined
  }
}
