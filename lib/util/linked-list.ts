/** An element of a LinkedList. Subclasses add the content. */
export class ListNode {
  /** Set by the list. */
  previous: ListNode | undefined
  next: ListNode | undefined
}

/** A queue. Elements can be removed from the middle, too, in constant time. */
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

  /** Removes an element of this list. */
  remove(node: T): void {
    const { previous, next } = node
    if (previous === undefined) this.first = next as T | undefined
    else previous.next = next
    if (next === undefined) this.last = previous as T | undefined
    else next.previous = previous
    node.previous = undefined
    node.next = undefined
  }
}
