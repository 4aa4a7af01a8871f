//! Standalone mode: what was done before the record stays done, and is done again.

super::killed!(Standalone on [postgres, sqlite, redis]: {
    killed_before_the_claim: BeforeClaim => End { retry: Runs, calls: 1, rows: 1 };
    killed_after_the_claim: AfterClaim => End { retry: RunsAfterTheLease, calls: 1, rows: 1 };
    killed_before_any_effect: BeforeEffect => End { retry: RunsAfterTheLease, calls: 1, rows: 1 };
    killed_after_a_call_elsewhere: AfterCharge => End { retry: RunsAfterTheLease, calls: 2, rows: 1 };
    killed_after_the_commit: AfterCommit => End { retry: RunsAfterTheLease, calls: 2, rows: 2 };
    killed_before_the_record: BeforeRecord => End { retry: RunsAfterTheLease, calls: 2, rows: 2 };
    killed_after_the_record: AfterRecord => End { retry: IsReplayed, calls: 1, rows: 1 };
    killed_before_the_reply: BeforeReply => End { retry: IsReplayed, calls: 1, rows: 1 };
});
