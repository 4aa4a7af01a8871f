//! Telling claimers that they may want more.

use tokio::sync::Notify;

/// Told whenever a job leaves the buffer or is recorded, or a claim gives back slots that it had
/// reserved.
///
/// Each of the two claimers has an ear of its own. What one of them hears may be meant for the other:
/// with a single ear that one would wait on, for good if nothing else is under way.
#[derive(Debug, Default)]
pub(super) struct Room {
    first: Notify,
    second: Notify,
}

impl Room {
    pub(super) fn tell(&self) {
        self.first.notify_one();
        self.second.notify_one();
    }

    /// Resolves at once if something was told since the last time.
    pub(super) async fn told(&self, first: bool) {
        if first { &self.first } else { &self.second }.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn hears(room: &Room, first: bool) -> bool {
        tokio::time::timeout(Duration::from_millis(5), room.told(first)).await.is_ok()
    }

    #[tokio::test]
    async fn both_claimers_hear_what_is_told_before_or_while_they_wait() {
        let room = Room::default();
        room.tell();
        room.tell();
        assert!(hears(&room, false).await && hears(&room, true).await);
        assert!(!hears(&room, false).await && !hears(&room, true).await);
        let both = async { tokio::join!(room.told(true), room.told(false)) };
        let told = async {
            tokio::task::yield_now().await;
            room.tell();
        };
        tokio::join!(both, told);
    }
}
