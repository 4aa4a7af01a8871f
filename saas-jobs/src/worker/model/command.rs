//! What may happen, in any order. Whom it happens to is a number, taken round the list of those it
//! can happen to at the time; with nobody there, nothing happens. So a sequence from which commands
//! are taken away is one too.

use proptest::prelude::*;
use proptest::sample::select;

#[derive(Debug, Clone, Copy)]
pub(super) enum Command {
    /// Some jobs alike, by a transaction of the application's.
    Enqueue {
        count: usize,
        new: New,
        fate: Fate,
    },
    Unique {
        key: usize,
        hold: Hold,
        replace: bool,
        new: New,
    },
    /// A job under an id that is taken.
    EnqueueAgain {
        job: usize,
    },
    /// The worker's next claim, or one for lanes that have just found jobs.
    Claim {
        worker: usize,
        want: usize,
        told: bool,
    },
    /// One that the database makes and the worker does not hear of.
    BreakOff {
        worker: usize,
        most_log2: usize,
    },
    /// A claimed job's handler.
    Start {
        worker: usize,
    },
    /// In a transaction of the handler's.
    Complete {
        run: usize,
        fate: Fate,
    },
    Step {
        run: usize,
        commits: bool,
    },
    /// A transaction that was left open.
    Settle {
        open: usize,
        commits: bool,
    },
    End {
        run: usize,
        end: End,
    },
    /// What has ended is written.
    Record {
        worker: usize,
    },
    /// A sign of life.
    Beat {
        worker: usize,
    },
    /// Everything it has in memory is gone; another takes its place.
    Crash {
        worker: usize,
    },
    /// Without grace; another takes its place.
    Stop {
        worker: usize,
    },
    Promote {
        worker: usize,
    },
    Rescue {
        worker: usize,
    },
    Wait {
        seconds: u64,
    },
    Cancel {
        job: usize,
        asks: Asks,
    },
    Reschedule {
        job: usize,
        asks: Asks,
        seconds: u64,
    },
    /// One letter, or as many as there are.
    Redrive {
        letter: Option<usize>,
        most: u32,
    },
    Discard {
        letter: Option<usize>,
        most: u32,
    },
    /// What ended long ago.
    Clear,
}

/// What becomes of a transaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Commits,
    RollsBack,
    StaysOpen,
}

/// How a handler ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// With the receipt, if there is one.
    Done,
    Fail,
    Panic,
    RetryIn(u64),
    Snooze(u64),
    Cancel,
    Dead,
}

/// How long a job holds its key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hold {
    Waiting,
    Unended,
    Period(u64),
}

/// In whose name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asks {
    Anybody,
    Tenant(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    /// 0 for none.
    pub(super) tenant: usize,
    pub(super) priority: u8,
    pub(super) max_attempts: u16,
    pub(super) delay: u64,
}

/// Any sequence.
pub(super) fn commands() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), 1..90)
}

fn command() -> impl Strategy<Value = Command> {
    use Command::*;
    let (who, which) = (|| 0..3_usize, || 0..64_usize);
    prop_oneof![
        8 => (1..4_usize, new(), fate()).prop_map(|(count, new, fate)| Enqueue { count, new, fate }),
        5 => (0..2_usize, hold(), any::<bool>(), new())
            .prop_map(|(key, hold, replace, new)| Unique { key, hold, replace, new }),
        1 => which().prop_map(|job| EnqueueAgain { job }),
        10 => (who(), 1..7_usize, prop::bool::weighted(0.2)).prop_map(|(worker, want, told)| Claim { worker, want, told }),
        1 => (who(), 0..3_usize).prop_map(|(worker, most_log2)| BreakOff { worker, most_log2 }),
        14 => who().prop_map(|worker| Start { worker }),
        8 => (which(), fate()).prop_map(|(run, fate)| Complete { run, fate }),
        5 => (which(), any::<bool>()).prop_map(|(run, commits)| Step { run, commits }),
        3 => (which(), any::<bool>()).prop_map(|(open, commits)| Settle { open, commits }),
        10 => (which(), end()).prop_map(|(run, end)| End { run, end }),
        7 => who().prop_map(|worker| Record { worker }),
        2 => who().prop_map(|worker| Beat { worker }),
        1 => who().prop_map(|worker| Crash { worker }),
        2 => who().prop_map(|worker| Stop { worker }),
        4 => who().prop_map(|worker| Promote { worker }),
        3 => who().prop_map(|worker| Rescue { worker }),
        5 => select(vec![1, 5, 13, 13, 60, 10_000]).prop_map(|seconds| Wait { seconds }),
        3 => (which(), asks()).prop_map(|(job, asks)| Cancel { job, asks }),
        2 => (which(), asks(), select(vec![0, 5, 60]))
            .prop_map(|(job, asks, seconds)| Reschedule { job, asks, seconds }),
        2 => (letter(), 1..4_u32).prop_map(|(letter, most)| Redrive { letter, most }),
        1 => (letter(), 1..3_u32).prop_map(|(letter, most)| Discard { letter, most }),
        2 => Just(Clear),
    ]
}

fn new() -> impl Strategy<Value = New> {
    let delay = select(vec![0, 0, 0, 5, 30]);
    (select(vec![0, 0, 0, 1, 2]), 1..5_u8, 1..4_u16, delay).prop_map(
        |(tenant, priority, max_attempts, delay)| New { tenant, priority, max_attempts, delay },
    )
}

fn fate() -> impl Strategy<Value = Fate> {
    select(vec![Fate::Commits, Fate::Commits, Fate::Commits, Fate::RollsBack, Fate::StaysOpen])
}

fn end() -> impl Strategy<Value = End> {
    use End::*;
    select(vec![
        Done,
        Done,
        Done,
        Fail,
        Fail,
        Panic,
        RetryIn(0),
        RetryIn(20),
        Snooze(0),
        Snooze(7),
        Cancel,
        Dead,
    ])
}

fn hold() -> impl Strategy<Value = Hold> {
    select(vec![Hold::Unended, Hold::Unended, Hold::Waiting, Hold::Period(60)])
}

fn asks() -> impl Strategy<Value = Asks> {
    select(vec![Asks::Anybody, Asks::Anybody, Asks::Tenant(0), Asks::Tenant(1)])
}

fn letter() -> impl Strategy<Value = Option<usize>> {
    prop::option::of(0..64_usize)
}
