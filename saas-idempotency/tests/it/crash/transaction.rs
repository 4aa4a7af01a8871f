//! Atomic and optimistic mode: one row, whatever the moment. The commit divides them.

macro_rules! one_row {
    ($mode:ident) => {
        crate::crash::killed!($mode on [postgres, sqlite]: {
            killed_before_the_claim: BeforeClaim => End { retry: Runs, calls: 1, rows: 1 };
            killed_after_the_claim: AfterClaim => End { retry: Runs, calls: 1, rows: 1 };
            killed_before_any_effect: BeforeEffect => End { retry: Runs, calls: 1, rows: 1 };
            killed_after_a_call_elsewhere: AfterCharge => End { retry: Runs, calls: 2, rows: 1 };
            killed_before_the_record: BeforeRecord => End { retry: Runs, calls: 2, rows: 1 };
            killed_after_the_record: AfterRecord => End { retry: Runs, calls: 2, rows: 1 };
            killed_after_the_commit: AfterCommit => End { retry: IsReplayed, calls: 1, rows: 1 };
            killed_before_the_reply: BeforeReply => End { retry: IsReplayed, calls: 1, rows: 1 };
        });
    };
}

mod atomic {
    one_row!(Atomic);
}

mod optimistic {
    one_row!(Optimistic);
}
