/** A value on a disk with a cache: what is written survives the process, what is synced survives the power. */
export class Durable<T> {
  #synced: T;
  #written: T;

  constructor(value: T) {
    this.#synced = value;
    this.#written = value;
  }

  /** What a reader sees. */
  get value(): T {
    return this.#written;
  }

  write(value: T) {
    this.#written = value;
  }

  sync() {
    this.#synced = this.#written;
  }

  /** The power fails. @param reached the cache had been written back just before */
  lose(reached: boolean) {
    if (reached) this.#synced = this.#written;
    else this.#written = this.#synced;
  }
}
