import { expect, test } from 'vitest';

import { mayDo } from '../src/lib/roles';

test('nobody is offered what the server would refuse', () => {
  expect(mayDo({ role: 'viewer', locations: null }, 'decide')).toBe(false);
  expect(mayDo({ role: 'viewer', locations: null }, 'handle')).toBe(false);
  expect(mayDo({ role: 'approver', locations: ['berlin'] }, 'handle')).toBe(true);
  expect(mayDo({ role: 'planner', locations: null }, 'decide')).toBe(true);
  expect(mayDo({ role: 'planner', locations: null }, 'approve')).toBe(false);
  expect(mayDo({ role: 'approver', locations: ['berlin'] }, 'approve')).toBe(true);
  expect(mayDo({ role: 'approver', locations: ['berlin'] }, 'see_audit'), 'the trail is about all locations').toBe(false);
  expect(mayDo({ role: 'admin', locations: null }, 'administer')).toBe(true);
  expect(mayDo({ role: 'approver', locations: null }, 'promote_models')).toBe(false);
  expect(mayDo({ role: 'approver', locations: null }, 'import')).toBe(false);
  expect(mayDo({ role: 'approver', locations: null }, 'make_rules')).toBe(false);
  expect(mayDo({ role: 'planner', locations: null }, 'make_rules')).toBe(true);
  expect(mayDo({ role: 'planner', locations: ['berlin'] }, 'import'), 'a file is about all locations').toBe(false);
});
