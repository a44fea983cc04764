import { describe, expect, test } from '@jest/globals';
import { BinaryHeap, type HeapNode } from '../../../../simulator/hub/state/binary-heap.ts';

/** Numerical Recipes' linear congruential generator: the same numbers in every run. */
function* pseudoRandom(seed: number): Generator<number, never> {
  for (let state = seed; ;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

describe('BinaryHeap', () => {
  test.each([1, 2, 3, 4, 5])(
    'gives out what is left in order after removals from anywhere (seed %i)',
    (seed) => {
      const random = pseudoRandom(seed);
      const heap = new BinaryHeap<number>((a, b) => a < b);
      let nodes: HeapNode<number>[] = [];
      for (let step = 0; step < 500; step++) {
        nodes.push(heap.push(Math.floor(random.next().value * 100)));
        if (random.next().value < 0.4) {
          const victim = nodes[Math.floor(random.next().value * nodes.length)];
          if (victim) heap.remove(victim);
          nodes = nodes.filter((node) => node !== victim);
        }
      }

      const given: (number | undefined)[] = [];
      while (heap.size > 0) given.push(heap.pop());

      expect(given).toEqual(nodes.map((node) => node.value).toSorted((a, b) => a - b));
      expect(given.length).toBeGreaterThan(200);
    },
  );

  test('takes a node out only once', () => {
    const heap = new BinaryHeap<number>((a, b) => a < b);
    const node = heap.push(1);
    heap.push(2);

    heap.remove(node);
    heap.remove(node);

    expect(heap.size).toBe(1);
    expect(heap.pop()).toBe(2);
    expect(heap.pop()).toBeUndefined();
  });
});
