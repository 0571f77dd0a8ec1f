import { equalBytes } from '../bytes.ts';
import { bitAt, firstDifference } from '../trie-spec.ts';
import { Branch, Leaf, type Node } from './plain-node.ts';

/** A change of one leaf: its new content, or null to remove it. */
export interface Change {
  readonly path: Uint8Array;
  readonly stored: Uint8Array | null;
}

/** Sorts by path and keeps the last change of each path. */
export function normalizeChanges(changes: Change[]): Change[] {
  // Comparing the first four bytes as one number decides nearly always; the sort is stable, so equal paths stay in order.
  const keyed = changes.map((change) => ({ change, head: headOf(change.path) }));
  keyed.sort((a, b) => a.head - b.head || comparePaths(a.change.path, b.change.path));
  const last: Change[] = [];
  for (const { change } of keyed) {
    const previous = last.at(-1);
    if (previous !== undefined && equalBytes(previous.path, change.path)) last.pop();
    last.push(change);
  }
  return last;
}

function headOf(path: Uint8Array): number {
  return (path[0] ?? 0) * 0x1000000 + ((path[1] ?? 0) << 16) + ((path[2] ?? 0) << 8) + (path[3] ?? 0);
}

function comparePaths(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Merges sorted changes into a subtree and gives the new subtree; nodes that nothing changes are shared with the old one.
 * The result is canonical: no one-child level is ever a node of its own, so roots and proofs do not depend on history.
 */
export class Merge {
  readonly #changes: readonly Change[];
  /** Leaves gained, minus leaves lost. */
  growth = 0;

  constructor(changes: readonly Change[]) {
    this.#changes = changes;
  }

  run(root: Node | null): Node | null {
    return this.#merge(root, 0, 0, this.#changes.length);
  }

  /** Changes `from` to `to - 1`, all of which share the first `start` bits with each other and with `node`. */
  #merge(node: Node | null, start: number, from: number, to: number): Node | null {
    if (from === to) return node === null ? null : place(node, start);
    const first = this.#path(from);
    const last = this.#path(to - 1);
    if (node === null) {
      if (to - from === 1) return this.#put(from);
      return this.#split(null, firstDifference(first, last), start, from, to);
    }
    // In sorted order the paths that leave the node earliest are at the ends.
    const leaves = Math.min(firstDifference(first, node.path), firstDifference(last, node.path));
    if (node instanceof Leaf) {
      if (leaves === 8 * node.path.length) return this.#replace(node, from);
      return this.#split(node, leaves, start, from, to);
    }
    if (leaves < node.bit) return this.#split(node, leaves, start, from, to);
    const middle = this.#middle(node.bit, from, to);
    const left = this.#merge(node.left, node.bit + 1, from, middle);
    const right = this.#merge(node.right, node.bit + 1, middle, to);
    if (left === node.left && right === node.right) return place(node, start);
    return join(left, right, start, node.bit);
  }

  /** Parts the changes at `bit`; the node, whole, goes to its own side. */
  #split(node: Node | null, bit: number, start: number, from: number, to: number): Node | null {
    const middle = this.#middle(bit, from, to);
    const nodeGoesRight = node !== null && bitAt(node.path, bit) === 1;
    const left = this.#merge(nodeGoesRight ? null : node, bit + 1, from, middle);
    const right = this.#merge(nodeGoesRight ? node : null, bit + 1, middle, to);
    const joined = join(left, right, start, bit);
    // Only deletes of absent keys parted from the node: keep the node itself, with its digest.
    return node !== null && joined !== null && isSame(node, joined) ? node : joined;
  }

  /** Index of the first change whose bit is set. */
  #middle(bit: number, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bitAt(this.#path(middle), bit) === 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #put(index: number): Leaf | null {
    const { path, stored } = this.#changes[index] as Change;
    if (stored === null) return null;
    this.growth++;
    return new Leaf(path, stored);
  }

  #replace(leaf: Leaf, index: number): Leaf | null {
    const { path, stored } = this.#changes[index] as Change;
    if (stored === null) {
      this.growth--;
      return null;
    }
    return equalBytes(stored, leaf.stored) ? leaf : new Leaf(path, stored);
  }

  #path(index: number): Uint8Array {
    return (this.#changes[index] as Change).path;
  }
}

function isSame(a: Node, b: Node): boolean {
  if (a === b) return true;
  if (a instanceof Leaf || b instanceof Leaf) return false;
  return a.start === b.start && a.left === b.left && a.right === b.right;
}

function join(left: Node | null, right: Node | null, start: number, bit: number): Node | null {
  if (left === null) return right === null ? null : place(right, start);
  if (right === null) return place(left, start);
  return new Branch(start, bit, left, right);
}

/** The same subtree with its one-child levels beginning at `start`. A leaf is the same at any depth. */
function place(node: Node, start: number): Node {
  if (node instanceof Leaf || node.start === start) return node;
  return new Branch(start, node.bit, node.left, node.right);
}
