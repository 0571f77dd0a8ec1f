import type { RestartPolicy } from '../child-spec.ts';
import { CodedError } from '../errors.ts';
import type { Child } from './child.ts';
import type { Death } from './thread.ts';

/** What is done about a death, and in words for logs and reports. */
export type Decision = { readonly words: string } & (
  | { readonly action: 'replace'; readonly wait_ms: number }
  | { readonly action: 'rest'; readonly rest_ms: number }
  | { readonly action: 'leave' }
  | { readonly action: 'surrender'; readonly reason: CodedError }
);

/** Decides by the policy of the actor and of its group; counts the death if it was self-inflicted. */
export function decide(child: Child, death: Death, now_ms: number): Decision {
  const { spec, group, budget } = child;
  if (!isRestarted(spec.restart, death)) return { action: 'leave', words: `not started again (${spec.restart})` };
  if (!death.selfInflicted) return { action: 'replace', wait_ms: 0, words: 'replaced at once' };
  const { deaths, exceeded, wait_ms } = budget.count(now_ms);
  if (!exceeded) {
    const when = wait_ms === 0 ? 'at once' : `after ${wait_ms} ms`;
    return { action: 'replace', wait_ms, words: `replaced ${when}: death ${deaths} within the period` };
  }
  if (group.exceeded.action === 'escalate') {
    return { action: 'surrender', reason: tooMany(child, deaths, death), words: `the node ends: ${deaths} deaths` };
  }
  const { rest_ms } = group.exceeded;
  return { action: 'rest', rest_ms, words: `group ${group.name} rests for ${rest_ms} ms: ${deaths} deaths` };
}

function isRestarted(policy: RestartPolicy, death: Death): boolean {
  return policy === 'permanent' || (policy === 'transient' && !death.orderly);
}

function tooMany({ spec, group }: Child, deaths: number, { reason }: Death): CodedError {
  const { period_ms } = group.intensity;
  return new CodedError(
    'INTENSITY_EXCEEDED',
    `${spec.name} died ${deaths} times within ${period_ms} ms, last of ${reason.code}: ${reason.message}`,
    { actor: spec.name, deaths, period_ms },
  );
}
