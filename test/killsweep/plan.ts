import type { Call, Moment, Point, Power, Target } from './point.ts';
import { numbersFrom } from './random.ts';

/** A place in the life of a victim at which it can die, in as many ways as there are moments and powers. */
interface Place {
  readonly phase: Point['phase'];
  readonly target: Target;
  readonly call: Call;
  readonly ways: readonly (readonly [Moment, Power])[];
  /** Up to which of the calls points are laid: as many as a leader's turn comes around in, where each is another one. */
  readonly calls: number;
  /** How often it comes around, beside others. */
  readonly weight: number;
}

const BEFORE = ['before', 'none'] as const;
const TORN = ['torn', 'none'] as const;
const AFTER = ['after', 'none'] as const;
const LOST_BEFORE = ['before', 'lost'] as const;
const LOST_AFTER = ['after', 'lost'] as const;
const LOST_TORN = ['torn', 'lost'] as const;
const SCATTERED = ['after', 'scattered'] as const;

/**
 * Signatures of one validator of four in four heights: four in each that it follows, eight in the one that it leads. All
 * steps of both are among so many in a row.
 */
const TURN = 20;

/** Before the first signature: the making of the record. In this order, as only the last ones leave a record behind. */
const CREATION: readonly Place[] = [
  place('start', 'record.new', 'openSync', [BEFORE, AFTER]),
  place('start', 'record.new', 'writeSync', [BEFORE, TORN, AFTER]),
  place('start', 'record.new', 'fsyncSync', [BEFORE, AFTER]),
  place('start', 'record.new', 'renameSync', [BEFORE, LOST_AFTER]),
  place('start', 'record.folder', 'openSync', [LOST_BEFORE]),
  place('start', 'record.folder', 'fsyncSync', [LOST_BEFORE, AFTER]),
];

/** While it starts, with a past: the record is locked and read, the journal read, cut and replayed. */
const RETURN: readonly Place[] = [
  place('start', 'record.lock', 'writeFileSync', [BEFORE, AFTER]),
  // The first one finds the lock of the life before, which is then put aside.
  place('start', 'record.lock', 'linkSync', [BEFORE, AFTER], 2),
  place('start', 'record.lock', 'renameSync', [BEFORE, AFTER]),
  place('start', 'record', 'openSync', [BEFORE, AFTER]),
  place('start', 'record', 'readSync', [BEFORE, AFTER], 2),
  place('start', 'journal', 'openSync', [BEFORE, AFTER]),
  place('start', 'journal', 'readSync', [BEFORE, AFTER]),
  place('start', 'journal', 'writeSync', [BEFORE, TORN, AFTER, LOST_AFTER], 3),
  place('start', 'signer', 'postMessage', [BEFORE, AFTER], 6),
  place('start', 'consensus', 'postMessage', [BEFORE, AFTER], 6),
  place('start', 'p2p', 'socketWrite', [BEFORE, TORN, AFTER], 12),
];

/** While it signs and speaks. */
const VOTING: readonly Place[] = [
  place('voting', 'record', 'readSync', [BEFORE, AFTER], TURN),
  place('voting', 'record', 'writeSync', [BEFORE, TORN, AFTER, LOST_AFTER, LOST_TORN, SCATTERED], TURN),
  place('voting', 'record', 'fdatasyncSync', [BEFORE, LOST_BEFORE, AFTER, LOST_AFTER], TURN),
  place('voting', 'journal', 'writeSync', [BEFORE, TORN, AFTER, LOST_AFTER], 4 * TURN),
  place('voting', 'journal', 'ftruncateSync', [BEFORE, AFTER, LOST_AFTER], 4),
  place('voting', 'signer', 'postMessage', [BEFORE, AFTER], TURN),
  place('voting', 'consensus', 'postMessage', [BEFORE, AFTER], 4 * TURN),
  place('voting', 'p2p', 'socketWrite', [BEFORE, TORN, AFTER], 4 * TURN),
];

/** Each fourth point or so is in a start: those before it are what such a start comes back from. */
const VOTING_PER_RETURN = 3;

function place(
  phase: Place['phase'],
  target: Target,
  call: Call,
  ways: readonly (readonly [Moment, Power])[],
  calls = 1,
): Place {
  return { phase, target, call, ways, calls, weight: calls >= TURN ? 2 : 1 };
}

/**
 * So many points, spread over all places and their ways by a seed. The making of the record comes first, and only if there
 * is room for the others; a torn journal is always followed by a death in its repair.
 */
export function planOf(points: number, seed: number): Point[] {
  const random = numbersFrom(seed);
  const next = { voting: cycle(VOTING, random), start: cycle(RETURN, random) };
  const laid: Omit<Point, 'id'>[] =
    points >= 2 * CREATION.length ? CREATION.flatMap((one) => onceEach(one, random)) : [];
  for (let voted = 0; laid.length < points; ) {
    const point = next.voting();
    laid.push(point);
    voted++;
    if (point.target === 'journal' && point.moment === 'torn') laid.push(repairOf(random));
    // After a power failure, or a death at its begin, there may be no journal to come back from.
    else if (voted >= VOTING_PER_RETURN && point.power === 'none' && point.target !== 'journal') {
      laid.push(next.start());
      voted = 0;
    }
  }
  return laid.slice(0, points).map((point, index) => ({ id: index + 1, ...point }));
}

function onceEach({ phase, target, call, ways }: Place, random: () => number): Omit<Point, 'id'>[] {
  return ways.map(([moment, power]) => ({ phase, target, call, moment, power, nth: 1, part: random() }));
}

function repairOf(random: () => number): Omit<Point, 'id'> {
  const moment = random() < 0.5 ? 'before' : 'after';
  return { phase: 'start', target: 'journal', call: 'ftruncateSync', moment, power: 'none', nth: 1, part: random() };
}

/** Every way of every place in turn, each time in another order and at another of its calls. */
function cycle(places: readonly Place[], random: () => number): () => Omit<Point, 'id'> {
  const all = places.flatMap((one) =>
    one.ways.flatMap((way) => Array.from({ length: one.weight }, () => ({ place: one, way }))),
  );
  let left: typeof all = [];
  return () => {
    if (left.length === 0) left = [...all];
    const [{ place, way }] = left.splice(Math.floor(random() * left.length), 1) as [(typeof all)[number]];
    const { phase, target, call, calls } = place;
    const [moment, power] = way;
    return { phase, target, call, moment, power, nth: 1 + Math.floor(random() * calls), part: random() };
  };
}
