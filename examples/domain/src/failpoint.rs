//! Points at which a test may kill the process, to see what is left. Without the feature
//! `failpoints` a point is nothing at all.

/// Kills this process with SIGKILL if the environment variable `FAILPOINT` names this point.
#[cfg(feature = "failpoints")]
pub fn point(name: &str) {
    if std::env::var("FAILPOINT").is_ok_and(|wanted| wanted == name) {
        let me = std::process::id().to_string();
        let _ = std::process::Command::new("kill").args(["-KILL", &me]).status();
        // The signal is on its way; nothing after this point may run before it arrives.
        loop {
            std::thread::park();
        }
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn point(_name: &str) {}
