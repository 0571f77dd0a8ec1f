import { columnLines } from '../columns.ts';
import type { NodeView } from './observe.ts';

const COLUMNS = ['node', 'state', 'height', 'round', 'peers', 'mempool', 'memory', 'restarts'] as const;

/** One line for each node, in columns. */
export function tableLines(views: readonly NodeView[]): string[] {
  return columnLines([[...COLUMNS], ...views.map(cells)], [COLUMNS.indexOf('state')]);
}

function cells(view: NodeView): string[] {
  const { actorRestarts, nodeRestarts } = view;
  const restarts = nodeRestarts + actorRestarts === 0 ? '0' : `${nodeRestarts} (actors ${actorRestarts})`;
  const memory = view.rss_mb === null ? '-' : `${Math.round(view.rss_mb)} MB`;
  const shown = [view.height, view.round, view.peers, view.mempool].map((value) => String(value ?? '-'));
  return [String(view.number), view.state, ...shown, memory, restarts];
}

/** The whole network in one line, for logs. */
export function summaryLine(views: readonly NodeView[], tps: number): string {
  const list = (pick: (view: NodeView) => number | null): string =>
    views.map((view) => (view.state === 'running' ? String(pick(view) ?? '-') : view.state)).join(' ');
  const sum = (pick: (view: NodeView) => number): number => views.reduce((total, view) => total + pick(view), 0);
  return [
    `height ${list((view) => view.height)}`,
    `round ${list((view) => view.round)}`,
    `peers ${list((view) => view.peers)}`,
    `mempool ${list((view) => view.mempool)}`,
    `tx/s ${tps.toFixed(1)}`,
    `restarts ${sum((view) => view.nodeRestarts)} nodes ${sum((view) => view.actorRestarts)} actors`,
  ].join('  ');
}

/** Rewrites its lines in place on a terminal; appends summary lines elsewhere. */
export class LiveTable {
  readonly #stream: NodeJS.WriteStream;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  get live(): boolean {
    return this.#stream.isTTY === true;
  }

  draw(lines: readonly string[]): void {
    const width = this.#stream.columns || 80;
    const cut = lines.map((line) => line.slice(0, width - 1));
    this.#stream.write(`${this.#up()}${cut.map((line) => `\x1b[2K${line}\n`).join('')}\x1b[J`);
    this.#drawn = cut.length;
  }

  /** A line that stays, above the table where there is one. */
  print(line: string): void {
    this.#stream.write(`${this.#up()}${this.#drawn > 0 ? '\x1b[J' : ''}${line}\n`);
    this.#drawn = 0;
  }

  #up(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : '';
  }
}
