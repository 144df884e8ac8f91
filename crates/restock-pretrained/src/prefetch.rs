//! Work made ahead by several threads and handed over in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};

/// Results of steps that are done but not yet taken, and the next step to begin.
struct State<T> {
    /// Results by step.
    done: BTreeMap<u64, T>,
    /// The next step that a thread may begin.
    next_begun: u64,
    /// The next step that will be taken.
    next_taken: u64,
    /// Set at the end, or when a thread has panicked.
    stopped: bool,
}

/// Hands over the result of every step in order.
pub struct Prefetch<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    n_ahead: u64,
}

/// Stops the other threads when the one that holds it ends, even by a panic.
struct StopOnDrop<'a, T>(&'a Prefetch<T>, bool);

impl<T> Drop for StopOnDrop<'_, T> {
    fn drop(&mut self) {
        if self.1 || std::thread::panicking() {
            self.0.lock().stopped = true;
            self.0.changed.notify_all();
        }
    }
}

impl<T: Send> Prefetch<T> {
    /// Runs `consume` while `n_threads` threads call `make` for the steps `first_step`, `first_step + 1`, ...; at most
    /// `n_ahead` results wait. The threads end when `consume` returns.
    pub fn run<R>(
        first_step: u64,
        n_threads: usize,
        n_ahead: usize,
        make: impl Fn(u64) -> T + Sync,
        consume: impl FnOnce(&Self) -> R,
    ) -> R {
        assert!(0 < n_threads && 0 < n_ahead);
        let prefetch = Self {
            state: Mutex::new(State {
                done: BTreeMap::new(),
                next_begun: first_step,
                next_taken: first_step,
                stopped: false,
            }),
            changed: Condvar::new(),
            n_ahead: n_ahead as u64,
        };
        std::thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| prefetch.work(&make));
            }
            let _stop = StopOnDrop(&prefetch, true);
            consume(&prefetch)
        })
    }

    /// The result of the next step; waits until it is there.
    ///
    /// # Panics
    /// When a thread that makes results has panicked.
    pub fn next(&self) -> T {
        let mut state = self.lock();
        loop {
            if state.stopped {
                drop(state);
                panic!("a thread that makes batches has panicked");
            }
            let step = state.next_taken;
            if let Some(result) = state.done.remove(&step) {
                state.next_taken += 1;
                self.changed.notify_all();
                return result;
            }
            state = self.changed.wait(state).expect(POISONED);
        }
    }

    fn work(&self, make: &(impl Fn(u64) -> T + Sync)) {
        let _stop = StopOnDrop(self, false);
        loop {
            let mut state = self.lock();
            while !state.stopped && state.next_taken + self.n_ahead <= state.next_begun {
                state = self.changed.wait(state).expect(POISONED);
            }
            if state.stopped {
                return;
            }
            let step = state.next_begun;
            state.next_begun += 1;
            drop(state);
            let result = make(step);
            self.lock().done.insert(step, result);
            self.changed.notify_all();
        }
    }
}

impl<T> Prefetch<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect(POISONED)
    }
}

const POISONED: &str = "no thread panics while it holds the lock";

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn every_step_is_made_once_and_taken_in_order() {
        let n_made = AtomicU64::new(0);
        let make = |step| {
            n_made.fetch_add(1, Ordering::Relaxed);
            step * step
        };
        let taken: Vec<u64> = Prefetch::run(10, 3, 4, make, |prefetch| (0..100).map(|_| prefetch.next()).collect());
        assert_eq!(taken, (10..110).map(|step| step * step).collect::<Vec<_>>());
        assert!((100..=104).contains(&n_made.load(Ordering::Relaxed)));
    }

    #[test]
    #[should_panic(expected = "has panicked")]
    fn a_panic_of_a_maker_reaches_the_consumer() {
        let make = |step: u64| if step == 3 { panic!("no batch 3") } else { step };
        Prefetch::run(0, 2, 2, make, |prefetch| (0..10).map(|_| prefetch.next()).sum::<u64>());
    }
}
