//! One connection of a session.

use core::time::Duration;

use super::backoff::up_to;
use super::machine::{ConnectionId, SessionConfig};

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Connecting,
    Authenticating,
    Subscribing,
    Ready,
}

#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) stage: Stage,
    /// Since when it is in this stage.
    pub(super) since: Duration,
    /// When to write the next keep-alive.
    pub(super) ping_at: Option<Duration>,
    /// When to open the connection that takes over, before the venue cuts this one.
    pub(super) replace_at: Option<Duration>,
    /// Whether it has held long enough for the failures before it to be forgotten.
    pub(super) forgiven: bool,
    /// When the venue was last heard.
    heard_at: Duration,
}

impl Link {
    pub(super) fn new(id: ConnectionId, now: Duration) -> Self {
        Self {
            id,
            stage: Stage::Connecting,
            since: now,
            ping_at: None,
            replace_at: None,
            forgiven: false,
            heard_at: now,
        }
    }

    /// The connection is open: from here its life counts, and silence too.
    pub(super) fn open(&mut self, config: &SessionConfig, now: Duration, random: u64) {
        let keep_alive = &config.keep_alive;
        self.enter(Stage::Authenticating, now);
        self.heard_at = now;
        self.ping_at = keep_alive.frame.map(|_| now + interval(config));
        self.replace_at = keep_alive.life_max.map(|life| {
            let margin = config.replace_before.min(life / 4);
            now + life - margin - up_to(margin, random)
        });
    }

    pub(super) fn enter(&mut self, stage: Stage, now: Duration) {
        (self.stage, self.since) = (stage, now);
    }

    pub(super) fn heard(&mut self, now: Duration) {
        self.heard_at = now;
    }

    /// Whether a keep-alive is due; the next one then is an interval away.
    pub(super) fn take_ping(&mut self, config: &SessionConfig, now: Duration) -> bool {
        let due = self.ping_at.is_some_and(|at| at <= now);
        if due {
            self.ping_at = Some(now + interval(config));
        }
        due
    }

    /// When the connection is given up if nothing happens until then.
    pub(super) fn gives_up_at(&self, config: &SessionConfig) -> Duration {
        let silent_at = self.heard_at + config.keep_alive.silence_max.max(SHORTEST);
        match self.stage {
            Stage::Connecting => self.since + config.connect_max.max(SHORTEST),
            Stage::Authenticating | Stage::Subscribing => {
                silent_at.min(self.since + config.answer_max.max(SHORTEST))
            }
            Stage::Ready => silent_at,
        }
    }

    /// Since how long it has carried the session.
    pub(super) fn ready_for(&self, now: Duration) -> Option<Duration> {
        (self.stage == Stage::Ready).then(|| now.saturating_sub(self.since))
    }
}

/// No setting makes a session spin.
const SHORTEST: Duration = Duration::from_millis(1);

fn interval(config: &SessionConfig) -> Duration {
    config.keep_alive.interval.max(SHORTEST)
}
