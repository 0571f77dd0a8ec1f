import type { Row } from './row.ts';

const WIDTH = 760;
const BAR = 18;
const GAP = 8;
const LEFT = 170;
const RIGHT = 60;
const TOP = 30;
const REACHED = '#0072b2';
const MISSED = '#d55e00';

/** Ratios as bars, with a mark where the target is, as SVG. */
export function ratioChart(rows: readonly Row[]): string {
  const most = Math.max(1, ...rows.map(({ ratio, at_least }) => Math.max(ratio, at_least)));
  const x = (ratio: number): number => Math.round(LEFT + (ratio / most) * (WIDTH - LEFT - RIGHT));
  const bars = rows.map(({ id, ratio, at_least }, index) => {
    const y = TOP + index * (BAR + GAP);
    const colour = ratio < at_least ? MISSED : REACHED;
    return `<text x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${id}</text>
<rect x="${LEFT}" y="${y}" width="${x(ratio) - LEFT}" height="${BAR}" fill="${colour}"/>
<line x1="${x(at_least)}" x2="${x(at_least)}" y1="${y - 2}" y2="${y + BAR + 2}" stroke="black" stroke-width="2"/>
<text x="${x(ratio) + 6}" y="${y + 13}">${ratio.toFixed(1)}</text>`;
  });
  const height = TOP + rows.length * (BAR + GAP) + GAP;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="${LEFT}" y="18">times as fast as what it is compared with; the mark is the target</text>
${bars.join('\n')}
</svg>
`;
}
