//! How much a client may ask for, and for how long.

use std::time::Duration;

/// Bodies are at most this long.
pub const BODY: usize = 1 << 20;

/// A head that is not whole by then, and a connection that is idle that long, is closed; otherwise
/// whoever opens connections and says nothing keeps everyone else out.
pub const HEAD: Duration = Duration::from_secs(10);

/// A request that was let in is answered within this, or told 503. As long as it may have waited for
/// that: in a crowd, everything takes its time.
pub const REQUEST: Duration = Duration::from_secs(60);

/// As many connections may wait to be accepted, if the system's own limit (`net.core.somaxconn`) allows
/// it. Beyond that the kernel drops what clients say, and they try again a second later.
pub const BACKLOG: u32 = 4096;

/// After a signal, requests and jobs have this long to finish.
pub const GRACE: Duration = Duration::from_secs(25);
