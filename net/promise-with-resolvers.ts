/**
 * Node 20 lacks Promise.withResolvers and libp2p calls it: without this the first dial ends the thread. It must
 * be the first import of every module that imports libp2p.
 */
type WithResolvers = typeof Promise.withResolvers;

if (typeof (Promise as { withResolvers?: WithResolvers }).withResolvers !== 'function') {
  Object.defineProperty(Promise, 'withResolvers', {
    configurable: true,
    writable: true,
    value: <T>(): PromiseWithResolvers<T> => {
      let resolve!: (value: T | PromiseLike<T>) => void;
      let reject!: (reason?: unknown) => void;
      const promise = new Promise<T>((onResolve, onReject) => {
        resolve = onResolve;
        reject = onReject;
      });
      return { promise, resolve, reject };
    },
  });
}
