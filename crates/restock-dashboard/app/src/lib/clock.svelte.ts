/** The time, for texts such as "2 min ago"; it moves on every 15 s. */
class Clock {
  now = $state(Date.now());

  constructor() {
    setInterval(() => {
      this.now = Date.now();
    }, 15_000);
  }
}

export const clock = new Clock();
