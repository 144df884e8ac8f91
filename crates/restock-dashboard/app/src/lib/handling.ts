// What people do about exceptions; the audit trail keeps each with its reason.

import { post } from './api';
import { clock } from './clock.svelte';
import { exceptions } from './exceptions.svelte';
import { day, dayAfter, today } from './format';
import { speech, t, tn } from './language.svelte';
import { session } from './session.svelte';
import { toasts } from './toasts.svelte';
import type { ExceptionRow } from './types';

export type Act = 'ack' | 'snooze' | 'assign';
/** What only an undo does is one more. */
type Sent = Act | 'reopen';
type Rows = readonly ExceptionRow[];

interface Handling {
  act: Sent;
  rows: Rows;
  becomes: (row: ExceptionRow) => Partial<ExceptionRow>;
  body: (row: ExceptionRow) => object;
  reason: string;
  /** What is said of a number of them. */
  say: (n: number) => string;
  /** Takes it back, given the rows as they were before. */
  undo?: (rows: Rows) => Promise<void>;
}

/** Takes the last of these back, for the key that does so. */
let undoOfLast: (() => Promise<void>) | undefined;

async function handle({ act, rows, becomes, body, reason, say, undo }: Handling): Promise<boolean> {
  const send = (row: ExceptionRow): Promise<ExceptionRow> => post(`/v1/exceptions/${encodeURIComponent(row.id)}:${act}`, { ...body(row), reason });
  const { done, error } = await exceptions.handle(rows, (row) => ({ ...row, ...becomes(row), reason }), send);
  if (done.length > 0) {
    const back = undo && ((): Promise<void> => undo(done));
    undoOfLast = back;
    toasts.say({ tone: 'good', text: say(done.length), ...(back && { action: { label: t('action.undo'), run: () => void back() } }) });
  }
  if (error !== undefined) toasts.refuse(t(`exceptions.${act}.failed`), error);
  return error === undefined;
}

export function acknowledge(rows: Rows, reason: string): Promise<boolean> {
  const seen = { acknowledged_by: session.who?.name ?? '', acknowledged_at: new Date(clock.now).toISOString() };
  return handle({ act: 'ack', rows, becomes: () => seen, body: () => ({}), reason, say: (n) => tn('exceptions.ack.done', n), undo: openAgain });
}

/** A day that has begun ends it, in whichever time zone the server counts days. */
const ended = (): string => dayAfter(today(clock.now), -1);

export function snooze(rows: Rows, until: string, reason: string): Promise<boolean> {
  const say = (n: number): string => tn('exceptions.snooze.done', n, { day: day(speech.locale, until) });
  return handle({ act: 'snooze', rows, becomes: () => ({ snoozed_until: until }), body: () => ({ until }), reason, say, undo: untilAsBefore });
}

/** Ends a snooze before its day. */
export function wake(rows: Rows): Promise<boolean> {
  const [until, reason] = [ended(), t('exceptions.wake.reason')];
  const say = (n: number): string => tn('exceptions.wake.done', n);
  return handle({ act: 'snooze', rows, becomes: () => ({ snoozed_until: until }), body: () => ({ until }), reason, say, undo: untilAsBefore });
}

/** Gives exceptions to somebody, or with an empty name to nobody. */
export function assign(rows: Rows, name: string, reason: string): Promise<boolean> {
  const to = name === '' ? null : name;
  const say = (n: number): string => (to === null ? tn('exceptions.unassign.done', n) : tn('exceptions.assign.done', n, { name: to }));
  return handle({ act: 'assign', rows, becomes: () => ({ assigned_to: to }), body: () => ({ to }), reason, say, undo: toWhomBefore });
}

async function openAgain(before: Rows): Promise<void> {
  const open = { acknowledged_by: null, acknowledged_at: null, snoozed_until: null };
  await takeBack('reopen', before, () => open, () => ({}));
}

async function untilAsBefore(before: Rows): Promise<void> {
  const until = new Map(before.map((row) => [row.id, row.snoozed_until ?? ended()]));
  const of = ({ id }: ExceptionRow): string => until.get(id) ?? ended();
  await takeBack('snooze', before, (row) => ({ snoozed_until: of(row) }), (row) => ({ until: of(row) }));
}

async function toWhomBefore(before: Rows): Promise<void> {
  const names = new Map(before.map((row) => [row.id, row.assigned_to]));
  const of = ({ id }: ExceptionRow): string | null => names.get(id) ?? null;
  await takeBack('assign', before, (row) => ({ assigned_to: of(row) }), (row) => ({ to: of(row) }));
}

async function takeBack(act: Sent, before: Rows, becomes: Handling['becomes'], body: Handling['body']): Promise<void> {
  const rows = before.flatMap((row) => exceptions.get(row.id) ?? []);
  await handle({ act, rows, becomes, body, reason: t('exceptions.undo.reason'), say: (n) => tn('exceptions.undone', n) });
}

export async function undoLast(): Promise<void> {
  const run = undoOfLast;
  undoOfLast = undefined;
  await run?.();
}
