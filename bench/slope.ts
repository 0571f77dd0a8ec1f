export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Slope {
  /** Of y per x. */
  readonly slope: number;
  /** Standard error of the slope. */
  readonly error: number;
  readonly points: number;
}

/** Beyond this, residuals say nothing about how far the slope can be trusted. */
const MAX_CORRELATION = 0.99;

/**
 * The least-squares slope that groups of points have in common, each group at a level of its own: points are compared with
 * others of their group only. The standard error is widened by what neighbouring residuals have in common (lag 1), because
 * samples that follow each other closely are not independent. Null where there are too few points to tell.
 */
export function commonSlope(groups: readonly (readonly Point[])[]): Slope | null {
  const used = groups.filter((group) => group.length > 1);
  const centred = used.flatMap((group) => {
    const [x, y] = [mean(group.map((point) => point.x)), mean(group.map((point) => point.y))];
    return group.map((point) => ({ at: point.x, x: point.x - x, y: point.y - y }));
  });
  const spread = sum(centred.map(({ x }) => x * x));
  const freedom = centred.length - used.length - 1;
  if (freedom < 1 || spread === 0) return null;
  const slope = sum(centred.map(({ x, y }) => x * y)) / spread;
  const residuals = centred.sort((a, b) => a.at - b.at).map(({ x, y }) => y - slope * x);
  const square = sum(residuals.map((one) => one * one));
  const error = Math.sqrt(square / freedom / spread) * widening(residuals, square);
  return { slope, error, points: centred.length };
}

export function slopeOf(points: readonly Point[]): Slope | null {
  return commonSlope([points]);
}

/** How much wider the error is than that of as many independent residuals. */
function widening(residuals: readonly number[], square: number): number {
  if (square === 0) return 1;
  const products = residuals.slice(1).map((one, index) => one * residuals[index]!);
  const correlation = Math.min(MAX_CORRELATION, Math.max(0, sum(products) / square));
  return Math.sqrt((1 + correlation) / (1 - correlation));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
