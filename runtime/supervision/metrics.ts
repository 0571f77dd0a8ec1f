import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** A replacement takes about as long as its modules take to import; a busy machine needs some times that. */
const RECOVERY_BUCKETS_S = [0.1, 0.2, 0.4, 0.7, 1, 1.5, 2.5, 5, 10, 30, 60];

/** Registers what the supervisor counts about the actors it replaces. They have the label `actor` themselves. */
export function supervisorMetrics(registry: Registry) {
  const registers = [registry];
  return {
    restarts: new Counter({
      name: 'potoroo_actor_restarts_total',
      help: 'Replacements of an actor, by the actor that was replaced and the error code of the death that caused it',
      labelNames: ['actor', 'reason'] as const,
      registers,
    }),
    recovery: new Histogram({
      name: 'potoroo_actor_recovery_seconds',
      help: 'Time from the death of an actor until its next life served',
      labelNames: ['actor'] as const,
      buckets: RECOVERY_BUCKETS_S,
      registers,
    }),
    crashes: new Counter({
      name: 'potoroo_actor_crashes_total',
      help: 'Self-inflicted deaths of an actor, each with a report in the directory `crashes` of the home',
      labelNames: ['actor'] as const,
      registers,
    }),
    deadLetters: new Counter({
      name: 'potoroo_actor_dead_letters_total',
      help: 'Requests put aside because they killed an actor twice; they lie in the directory `dead-letters`',
      labelNames: ['actor'] as const,
      registers,
    }),
    rebinds: new Counter({
      name: 'potoroo_actor_rebinds_total',
      help: 'Connections between two living actors that broke and were made again',
      registers,
    }),
    resting: new Gauge({
      name: 'potoroo_supervisor_resting',
      help: '1 while a group of actors rests because one of them died too often',
      labelNames: ['group'] as const,
      registers,
    }),
  };
}
export type SupervisorMetrics = ReturnType<typeof supervisorMetrics>;
