/** Entry of a thread whose actor's module is imported as it is. Bundles have entries of their own: scripts/bundle.mjs. */
import { serveActor } from './serve-actor.ts';

serveActor(({ module }) => import(module));
