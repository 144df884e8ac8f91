import type { Problem } from './types';

/** A request that was not done, with the problem document that says why. */
export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }

  /** The kind of problem, such as `stale`. */
  get kind(): string {
    return this.problem.type.replace('urn:restock:problem:', '');
  }
}

let csrfToken: string | null = null;
let onSignedOut: () => void = () => {};

export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** What happens when the server no longer knows the session. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

export type Query = Record<string, string | number | undefined>;

export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

export const get = <T>(path: string, query: Query = {}): Promise<T> => call('GET', withQuery(path, query));
export const post = <T>(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<T> =>
  call('POST', path, body, headers);
export const patch = <T>(path: string, body: unknown): Promise<T> => call('PATCH', path, body);
/** Sends a file as it is. */
export const upload = async <T>(path: string, content: Blob): Promise<T> =>
  (await send('POST', path, content, { 'content-type': 'application/octet-stream' })).json() as Promise<T>;
export const remove = (path: string): Promise<void> => call('DELETE', path);

/** A file that the server writes, with its name. */
export async function file(path: string): Promise<{ name: string; text: string; kind: string }> {
  const answer = await send('GET', path);
  const name = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '')?.[1] ?? 'restock.txt';
  return { name, text: await answer.text(), kind: answer.headers.get('content-type') ?? 'text/plain' };
}

async function call<T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<T> {
  const answer = await send(method, path, body, more);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

async function send(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json', ...more };
  const isFile = body instanceof Blob;
  if (body !== undefined && !isFile) headers['content-type'] = 'application/json';
  if (method !== 'GET' && csrfToken !== null) headers['x-csrf-token'] = csrfToken;
  let answer: Response;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? null : isFile ? body : JSON.stringify(body) });
  } catch {
    throw new Refusal({ type: 'urn:restock:problem:unreachable', title: '', status: 0, detail: '' });
  }
  if (answer.ok) return answer;
  const refusal = new Refusal(await problemOf(answer));
  if (answer.status === 401 && refusal.kind !== 'wrong-password') onSignedOut();
  throw refusal;
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    return (await answer.json()) as Problem;
  } catch {
    return { type: 'urn:restock:problem:unreadable', title: '', status: answer.status, detail: answer.statusText };
  }
}
