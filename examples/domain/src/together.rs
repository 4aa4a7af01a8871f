//! One answer for all who ask the same before the question is put.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use saas_core::Problem;
use tokio::sync::OnceCell;

use crate::admission::Gate;

/// Questions that wait for their turn at a gate, each once.
///
/// This is no cache: an answer is never older than the call that gets it. Whoever comes when the
/// question is already being put waits for the next time. A crowd of one client takes one place at
/// the gate, so that other clients hardly notice.
#[derive(Debug, Clone)]
pub struct Together<T> {
    gate: Gate,
    waiting: Arc<Mutex<Waiting<T>>>,
}

type Waiting<T> = HashMap<Vec<u8>, Answer<T>>;

type Answer<T> = Arc<OnceCell<Result<T, Problem>>>;

/// One who asks, until it is dropped.
struct Asking<'a, T> {
    together: &'a Together<T>,
    question: Vec<u8>,
    answer: Answer<T>,
}

impl<T: Clone> Together<T> {
    pub(crate) fn behind(gate: Gate) -> Self {
        Self { gate, waiting: Arc::default() }
    }

    /// The answer to `question`, which `put` gets. It is this call's `put` that runs, or that of
    /// another call which waits for the same.
    pub async fn ask(
        &self,
        question: Vec<u8>,
        put: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let asking = self.join(question);
        let turn = async {
            asking.begin();
            put.await
        };
        // Where the one that runs is dropped, one of those who wait with it takes over.
        let answer = asking.answer.get_or_init(|| async { self.gate.pass(turn).await? });
        answer.await.clone()
    }

    fn join(&self, question: Vec<u8>) -> Asking<'_, T> {
        let answer = self.waiting().entry(question.clone()).or_default().clone();
        Asking { together: self, question, answer }
    }
}

impl<T> Together<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        // No code that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Asking<'_, T> {
    /// Whoever comes from here on asks anew.
    fn begin(&self) {
        self.leave(&mut self.together.waiting());
    }

    fn leave(&self, waiting: &mut Waiting<T>) {
        if waiting.get(&self.question).is_some_and(|answer| Arc::ptr_eq(answer, &self.answer)) {
            waiting.remove(&self.question);
        }
    }
}

impl<T> Drop for Asking<'_, T> {
    fn drop(&mut self) {
        let mut waiting = self.together.waiting();
        // The last one, besides the map: everyone gave up before it was asked, or the gate refused.
        if Arc::strong_count(&self.answer) == 2 || self.answer.initialized() {
            self.leave(&mut waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    /// Counts how often a question is put, and answers when told.
    #[derive(Clone)]
    struct Oracle {
        together: Together<usize>,
        put: Arc<AtomicUsize>,
        go: Arc<Notify>,
    }

    impl Oracle {
        fn new(slots: usize) -> Self {
            let together = Together::behind(Gate::new("test", slots, 1_000));
            Self { together, put: Arc::default(), go: Arc::default() }
        }

        async fn asked(&self, question: &'static str) -> JoinHandle<Result<usize, Problem>> {
            let own = self.clone();
            let task = tokio::spawn(async move {
                let put = async {
                    let number = own.put.fetch_add(1, Ordering::Relaxed) + 1;
                    own.go.notified().await;
                    Ok(number)
                };
                own.together.ask(question.into(), put).await
            });
            for _ in 0..10 {
                yield_now().await;
            }
            task
        }

        fn is_forgotten(&self) -> bool {
            self.together.waiting().is_empty()
        }
    }

    #[tokio::test]
    async fn who_comes_before_it_is_put_shares_an_answer_and_who_comes_later_gets_a_newer_one() {
        let oracle = Oracle::new(1);
        let first = oracle.asked("a").await;
        // The first is being put; these wait for the second time, all together.
        let mut later = Vec::new();
        for _ in 0..50 {
            later.push(oracle.asked("a").await);
        }
        oracle.go.notify_one();
        assert_eq!(first.await.unwrap(), Ok(1));
        oracle.go.notify_one();
        for answer in later {
            assert_eq!(answer.await.unwrap(), Ok(2));
        }
        assert!(oracle.is_forgotten());
    }

    #[tokio::test]
    async fn questions_are_kept_apart() {
        let oracle = Oracle::new(2);
        let (a, b) = (oracle.asked("a").await, oracle.asked("b").await);
        oracle.go.notify_waiters();
        assert_ne!(a.await.unwrap(), b.await.unwrap());
    }

    #[tokio::test]
    async fn when_the_one_that_runs_is_dropped_another_takes_over() {
        let oracle = Oracle::new(1);
        let _first = oracle.asked("x").await;
        let (second, third) = (oracle.asked("a").await, oracle.asked("a").await);
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        oracle.go.notify_one();
        oracle.go.notify_one();
        for _ in 0..10 {
            yield_now().await;
        }
        oracle.go.notify_one();
        assert_eq!(third.await.unwrap(), Ok(2));
    }

    #[tokio::test]
    async fn nothing_is_left_of_who_gave_up_or_was_refused() {
        let oracle = Oracle::new(1);
        let inside = oracle.asked("x").await;
        let gave_up = [oracle.asked("a").await, oracle.asked("a").await];
        assert!(!oracle.is_forgotten());
        for task in gave_up {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert!(oracle.is_forgotten());

        let refused = oracle.asked("b").await;
        oracle.together.gate.close();
        assert_eq!(refused.await.unwrap().unwrap_err().status(), 503);
        assert!(oracle.is_forgotten());
        inside.abort();
    }
}
