/** A message about an event that was taken in. */
export interface Touched {
  sequence: number;
  type: string;
  item_id: string | null;
  location_id: string | null;
}

/** A message about a proposal that changed. */
export interface Changed {
  number: number;
  proposal_id: string;
  state: string;
  version: number;
  item_id: string;
  location_id: string;
}

type Listener<T> = (message: T) => void;

const RETRY_MS = 5_000;

/** The changes of the server as they come. It goes on where it broke off, so nothing is missed. */
class Stream {
  isLive = $state(false);
  /** When the last message came, or the stream began. */
  lastAt = $state<number | undefined>(undefined);
  lastTouched = $state.raw<Touched | undefined>(undefined);

  readonly #touched = new Set<Listener<Touched>>();
  readonly #changed = new Set<Listener<Changed>>();
  #source: EventSource | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** Begins after an event and a change of a proposal. */
  begin(sequence: number, number: number): void {
    this.end();
    this.#connect(`${sequence}.${number}`);
  }

  end(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
    this.isLive = false;
  }

  onTouched(listener: Listener<Touched>): () => void {
    this.#touched.add(listener);
    return () => this.#touched.delete(listener);
  }

  onChanged(listener: Listener<Changed>): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  #connect(after: string): void {
    let last = after;
    const source = new EventSource(`/v1/stream?after=${encodeURIComponent(after)}`);
    this.#source = source;
    source.onopen = () => {
      this.isLive = true;
      this.lastAt = Date.now();
    };
    source.onerror = () => {
      this.isLive = false;
      // The browser comes back by itself after a broken connection, and gives up after a refusal.
      if (source.readyState === EventSource.CLOSED) {
        this.#retry = setTimeout(() => this.#connect(last), RETRY_MS);
      }
    };
    const hear = <T>(name: string, then: (message: T) => void): void => {
      source.addEventListener(name, (event) => {
        last = event.lastEventId;
        this.lastAt = Date.now();
        then(JSON.parse(event.data as string) as T);
      });
    };
    hear<Touched>('accepted', (message) => {
      this.lastTouched = message;
      this.#touched.forEach((listener) => listener(message));
    });
    hear<Changed>('proposal', (message) => this.#changed.forEach((listener) => listener(message)));
  }
}

export const stream = new Stream();
