import type { Clock } from '../../../../runtime/clock.ts';

/**
 * Answers many callers with one question: the value is kept for a short time, and who comes while it is being
 * fetched waits for the same fetch. So clients cannot make another actor work more than once per `keep_ms`.
 */
export function cached<T>(clock: Clock, keep_ms: number, fetch: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | null = null;
  let until = 0;
  return () => {
    if (value !== null && clock.now() < until) return value;
    const fetched = fetch();
    value = fetched;
    until = Number.POSITIVE_INFINITY;
    const settled = (kept: boolean) => () => {
      if (value !== fetched) return;
      until = clock.now() + keep_ms;
      if (!kept) value = null;
    };
    fetched.then(settled(true), settled(false));
    return fetched;
  };
}
