export interface HeapNode<T> {
  readonly value: T;
  /** Place in the heap; -1 once it is out. */
  index: number;
}

/** A priority queue from which any element can be taken out again in O(log n). */
export class BinaryHeap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #nodes: HeapNode<T>[] = [];

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#nodes.length;
  }

  peek(): T | undefined {
    return this.#nodes[0]?.value;
  }

  push(value: T): HeapNode<T> {
    const node = { value, index: this.#nodes.length };
    this.#nodes.push(node);
    this.#rise(node);
    return node;
  }

  pop(): T | undefined {
    const first = this.#nodes[0];
    if (first) this.remove(first);
    return first?.value;
  }

  /** Does nothing if the node is out already. */
  remove(node: HeapNode<T>): void {
    if (node.index < 0) return;
    const last = this.#nodes.pop();
    if (last && last !== node) {
      this.#put(last, node.index);
      this.#rise(last);
      this.#sink(last);
    }
    node.index = -1;
  }

  #put(node: HeapNode<T>, index: number): void {
    this.#nodes[index] = node;
    node.index = index;
  }

  #rise(node: HeapNode<T>): void {
    while (node.index > 0) {
      const parent = this.#nodes[(node.index - 1) >> 1];
      if (!parent || !this.#before(node.value, parent.value)) return;
      const place = parent.index;
      this.#put(parent, node.index);
      this.#put(node, place);
    }
  }

  #sink(node: HeapNode<T>): void {
    for (;;) {
      const left = this.#nodes[2 * node.index + 1];
      const right = this.#nodes[2 * node.index + 2];
      if (!left) return;
      const child = right && this.#before(right.value, left.value) ? right : left;
      if (!this.#before(child.value, node.value)) return;
      const place = child.index;
      this.#put(child, node.index);
      this.#put(node, place);
    }
  }
}
