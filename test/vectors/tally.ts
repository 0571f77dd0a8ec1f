/** Counts checks by kind, and keeps what the failed ones said. */
export class Tally {
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];
  passed = 0;

  check(kind: string, name: string, check: () => void): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    try {
      check();
      this.passed++;
    } catch (error) {
      this.failures.push(`${kind}: ${name}: ${(error as Error).message}`);
    }
  }
}
