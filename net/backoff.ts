const FIRST_ms = 250;
const LONGEST_ms = 15_000;

/**
 * How long to wait before the next attempt. It doubles up to the cap; half of it is random, so that nodes which
 * lost the same peer do not come back in one instant.
 * @param failures attempts in a row that failed
 * @param fraction a random number in [0, 1)
 * @param longest_ms the cap
 */
export function backoff_ms(failures: number, fraction: number, longest_ms = LONGEST_ms): number {
  const whole = Math.min(longest_ms, FIRST_ms * 2 ** Math.min(failures, 16));
  return Math.round(whole / 2 + (whole / 2) * fraction);
}
