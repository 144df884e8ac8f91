import { Refusal } from './api';

/** Something that is read from the server: not there yet, there, or refused. */
export class Reading<T> {
  value = $state.raw<T | undefined>(undefined);
  failure = $state.raw<Refusal | undefined>(undefined);

  async read(from: () => Promise<T>): Promise<void> {
    this.failure = undefined;
    try {
      this.value = await from();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.failure = error;
    }
  }
}
