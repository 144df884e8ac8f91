import type { Role, Who } from './types';

/** What somebody may do, so that a page offers nothing that the server would refuse. */
export type Action =
  | 'decide'
  | 'override'
  | 'make_rules'
  | 'approve'
  | 'handle'
  | 'replan'
  | 'see_plans'
  | 'see_outcomes'
  | 'promote_models'
  | 'see_quarantine'
  | 'decide_quarantine'
  | 'see_audit'
  | 'administer'
  | 'see_webhooks'
  | 'see_what_if'
  | 'ask_what_if'
  | 'count'
  | 'see_data_health'
  | 'import';

interface Rule {
  roles: readonly Role[];
  /** Whether it is about all locations, so that people of some locations may not. */
  isWhole: boolean;
}

const rule = (isWhole: boolean, ...roles: Role[]): Rule => ({ roles, isWhole });

const RULES: Record<Action, Rule> = {
  decide: rule(false, 'planner', 'approver', 'admin'),
  override: rule(false, 'planner', 'integrator', 'admin'),
  make_rules: rule(true, 'planner', 'admin'),
  approve: rule(false, 'approver', 'admin'),
  handle: rule(false, 'planner', 'approver', 'admin'),
  replan: rule(true, 'planner', 'approver', 'admin'),
  see_plans: rule(true, 'viewer', 'planner', 'approver', 'admin'),
  see_outcomes: rule(true, 'viewer', 'planner', 'approver', 'admin'),
  promote_models: rule(true, 'admin'),
  see_quarantine: rule(true, 'planner', 'approver', 'integrator', 'admin'),
  decide_quarantine: rule(true, 'planner', 'admin'),
  see_audit: rule(true, 'approver', 'admin'),
  administer: rule(true, 'admin'),
  see_webhooks: rule(true, 'integrator', 'admin'),
  see_what_if: rule(true, 'viewer', 'planner', 'approver', 'admin'),
  ask_what_if: rule(true, 'planner', 'approver', 'admin'),
  count: rule(false, 'planner', 'approver', 'admin'),
  see_data_health: rule(true, 'viewer', 'planner', 'approver', 'admin'),
  import: rule(true, 'planner', 'integrator', 'admin'),
};

export function mayDo(who: Pick<Who, 'role' | 'locations'>, action: Action): boolean {
  const { roles, isWhole } = RULES[action];
  return roles.includes(who.role) && !(isWhole && who.locations !== null);
}
