import type { Sample } from './sample.ts';
import { memoryOf } from './summary.ts';

const WIDTH = 960;
const HEIGHT = 420;
const LEFT = 60;
const RIGHT = 150;
const TOP = 20;
const BOTTOM = 40;
const STEPS = 5;
/** Distinguishable also without colour vision (Okabe and Ito), then again in the same order. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#999999'];

interface Look {
  readonly at_s: number;
  readonly pid: number;
  readonly mb: number;
}

/** Memory of every process over time as SVG: a line per process, broken where another took its place. */
export function memoryChart(samples: readonly Sample[]): string {
  const lines = new Map<string, Look[]>();
  for (const { at_s, processes } of samples) {
    for (const one of processes) {
      lines.set(one.name, [...(lines.get(one.name) ?? []), { at_s, pid: one.pid, mb: memoryOf(one) }]);
    }
  }
  const looks = [...lines.values()].flat();
  const last_s = Math.max(1, ...looks.map(({ at_s }) => at_s));
  const most_mb = Math.max(1, ...looks.map(({ mb }) => mb));
  const x = (at_s: number): number => round(LEFT + (at_s / last_s) * (WIDTH - LEFT - RIGHT));
  const y = (mb: number): number => round(HEIGHT - BOTTOM - (mb / most_mb) * (HEIGHT - TOP - BOTTOM));
  const drawn = [...lines.keys()].map((name, index) => {
    const colour = COLOURS[index % COLOURS.length]!;
    const dash = index < COLOURS.length ? '' : ' stroke-dasharray="4 3"';
    const parts = livesOf(lines.get(name)!).map((life) => {
      const points = life.map(({ at_s, mb }) => `${x(at_s)},${y(mb)}`).join(' ');
      return `<polyline fill="none" stroke="${colour}"${dash} points="${points}"/>`;
    });
    const legend = text(WIDTH - RIGHT + 30, TOP + 18 * index + 4, name);
    const key = `<line x1="${WIDTH - RIGHT + 8}" x2="${WIDTH - RIGHT + 24}" y1="${TOP + 18 * index}" y2="${TOP + 18 * index}" stroke="${colour}"${dash}/>`;
    return [...parts, key, legend].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
${axes(last_s, most_mb, x, y)}
${drawn.join('\n')}
</svg>
`;
}

type Scale = (value: number) => number;

function axes(last_s: number, most_mb: number, x: Scale, y: Scale): string {
  const steps = Array.from({ length: STEPS + 1 }, (_, index) => index / STEPS);
  return steps
    .flatMap((part) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(part * most_mb)}" y2="${y(part * most_mb)}" stroke="#dddddd"/>`,
      text(8, y(part * most_mb) + 4, `${Math.round(part * most_mb)} MB`),
      text(x(part * last_s) - 12, HEIGHT - BOTTOM + 20, `${round((part * last_s) / 60)} min`),
    ])
    .join('\n');
}

function livesOf(looks: readonly Look[]): Look[][] {
  const lives: Look[][] = [];
  for (const look of looks) {
    if (lives.at(-1)?.[0]?.pid === look.pid) lives.at(-1)!.push(look);
    else lives.push([look]);
  }
  return lives;
}

function text(x: number, y: number, content: string): string {
  return `<text x="${x}" y="${y}">${content}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
