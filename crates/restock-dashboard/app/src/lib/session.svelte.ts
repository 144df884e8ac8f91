import { get, post, Refusal, remove, setCsrfToken, whenSignedOut } from './api';
import { mayDo, type Action } from './roles';
import type { Who } from './types';

/** The cookie cannot be seen from here; this says that there should be one. */
const BEGUN = 'restock.session';

class Session {
  /** Who is signed in; `null` when nobody is, `undefined` until the server has said. */
  who = $state.raw<Who | null | undefined>(undefined);
  /** Whether a session ended that was there before. */
  hasEnded = $state(false);

  constructor() {
    whenSignedOut(() => {
      this.hasEnded = this.who != null;
      this.become(null);
    });
  }

  /** Goes on with the session of this browser, if it began one. */
  async resume(): Promise<void> {
    if (localStorage.getItem(BEGUN) === null) {
      this.become(null);
      return;
    }
    try {
      this.become(await get<Who>('/v1/session'));
    } catch (error) {
      if (error instanceof Refusal && error.problem.status !== 401) throw error;
      this.become(null);
    }
  }

  async begin(name: string, password: string): Promise<void> {
    this.become(await post<Who>('/v1/session', { name, password }));
    this.hasEnded = false;
  }

  /** Becomes the first person of a server, with the code that whoever started it was told. */
  async beginFirst(code: string, name: string, password: string): Promise<void> {
    this.become(await post<Who>('/v1/session/first', { code, name, password }));
    this.hasEnded = false;
  }

  async end(): Promise<void> {
    await remove('/v1/session');
    this.forget();
  }

  /** The session has ended on the server. */
  forget(): void {
    this.become(null);
  }

  may(action: Action): boolean {
    return this.who != null && mayDo(this.who, action);
  }

  private become(who: Who | null): void {
    this.who = who;
    setCsrfToken(who?.csrf_token ?? null);
    if (who === null) localStorage.removeItem(BEGUN);
    else localStorage.setItem(BEGUN, 'begun');
  }
}

export const session = new Session();
