import { setTimeout as sleep } from 'node:timers/promises';

/** A scraper of one node's metrics that notices every counter, bucket, sum or count that falls. */
export class Scraper {
  /** What fell, with both values. */
  readonly falls: string[] = [];
  /** Answers so far. */
  scrapes = 0;
  readonly #url: string;
  readonly #highest = new Map<string, number>();
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  /** @param url base of the metrics server */
  constructor(url: string) {
    this.#url = `${url}/metrics`;
  }

  /** Scrapes again and again until it is stopped. */
  start(interval_ms: number): void {
    const run = async (): Promise<void> => {
      for (; !this.#stopped; await sleep(interval_ms)) await this.scrape();
    };
    this.#running = run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** The samples of now, or null where nobody answers. */
  async scrape(): Promise<ReadonlyMap<string, number> | null> {
    const text = await fetch(this.#url, { headers: { connection: 'close' } })
      .then((response) => (response.ok ? response.text() : null))
      .catch(() => null);
    if (text === null) return null;
    this.scrapes++;
    const samples = new Map<string, number>();
    let grows = false;
    for (const line of text.split('\n')) {
      if (line.startsWith('# TYPE ')) grows = / (counter|histogram)$/.test(line);
      const [, series, value] = /^([^#].*) (\S+)$/.exec(line) ?? [];
      if (series === undefined) continue;
      samples.set(series, Number(value));
      if (grows) this.#compare(series, Number(value));
    }
    return samples;
  }

  #compare(series: string, value: number): void {
    const before = this.#highest.get(series) ?? 0;
    if (value < before) this.falls.push(`${series} was ${before}, is ${value}`);
    this.#highest.set(series, value);
  }
}
