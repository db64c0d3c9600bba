use core::time::Duration;
use std::collections::VecDeque;

use super::backoff::{Backoff, up_to};
use super::fault::FrameFault;
use super::link::{Link, Stage};
use crate::KeepAlive;

/// One connection of a session. No number comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

/// Settings of a [`Session`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionConfig {
    /// How the venue wants its sockets kept open.
    pub keep_alive: KeepAlive,
    /// How long a connection may take to open, TLS and the upgrade included. Default 10 seconds.
    pub connect_max: Duration,
    /// How long the venue may take to answer an authentication or a subscription. Default 10 seconds.
    pub answer_max: Duration,
    /// How long before [`KeepAlive::life_max`] a new connection is opened, at least; up to twice that
    /// at random. Default 30 minutes, at most a quarter of the life.
    pub replace_before: Duration,
    /// How long a connection is still read after another one took over. Default 2 seconds.
    pub linger: Duration,
    /// The waits between attempts.
    pub backoff: Backoff,
    /// How long a connection has to hold until failures are forgotten. Default 30 seconds.
    pub stable_after: Duration,
    /// After how many refused authentications in a row the session stops for good. Default 2: the
    /// first may have been the clock's fault.
    pub refusals_max: u32,
}

impl SessionConfig {
    /// The defaults for a socket that is kept open so.
    pub const fn new(keep_alive: KeepAlive) -> Self {
        Self {
            keep_alive,
            connect_max: Duration::from_secs(10),
            answer_max: Duration::from_secs(10),
            replace_before: Duration::from_secs(30 * 60),
            linger: Duration::from_secs(2),
            backoff: Backoff { first: Duration::from_millis(500), max: Duration::from_secs(30) },
            stable_after: Duration::from_secs(30),
            refusals_max: 2,
        }
    }
}

/// Why the venue does not let us in, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the venue refuses the session (code {code}): {message}")]
pub struct Refusal {
    /// The venue's code; 0 where it sent none.
    pub code: i64,
    /// The beginning of its words.
    pub message: Box<str>,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionInput {
    /// It is open.
    Opened,
    /// It is authenticated, or needs no authentication.
    Authenticated,
    /// Its subscriptions are answered, or there are none.
    Subscribed,
    /// Anything came, a protocol ping included.
    Heard,
    /// The venue refused the authentication.
    Refused(Refusal),
    /// The venue announced its end.
    Reconnect,
    /// A frame cannot be read.
    BadFrame(FrameFault),
    /// It is closed, or could not be opened.
    Closed,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionAction {
    /// Open a connection.
    Connect(ConnectionId),
    /// Authenticate it.
    Authenticate(ConnectionId),
    /// Subscribe to everything on it.
    Subscribe(ConnectionId),
    /// Write the keep-alive.
    KeepAlive(ConnectionId),
    /// Close it, if it is not closed already, and forget it.
    Close(ConnectionId),
    /// It carries the session from now on.
    Ready {
        /// Which.
        connection: ConnectionId,
        /// Whether something may have been missed: there was no connection until now.
        gap: bool,
    },
    /// No connection carries the session; another one is on its way.
    Lost,
    /// The session is over: the venue does not let us in.
    Stopped(Refusal),
}

/// The life of a session, over as many connections as it takes: one that carries it, for a while one
/// that is about to take over, and for a moment the one before.
///
/// Report what happens with [`handle`](Self::handle), call [`tick`](Self::tick) at
/// [`wake_at`](Self::wake_at), and after each of them do everything that [`poll`](Self::poll) hands
/// out. `now` is time since any fixed moment, never backwards; `random` is any number.
#[derive(Debug, Clone)]
pub struct Session {
    config: SessionConfig,
    current: Option<Link>,
    next: Option<Link>,
    /// The connection before, and until when it is still read.
    former: Option<(Link, Duration)>,
    /// When to try again.
    retry_at: Option<Duration>,
    failures: u32,
    refusals: u32,
    connections: u64,
    faults: [u64; FrameFault::ALL.len()],
    actions: VecDeque<SessionAction>,
    stopped: bool,
}

impl Session {
    /// A session that connects at once.
    pub fn new(config: SessionConfig, now: Duration) -> Self {
        let mut session = Self {
            config,
            current: None,
            next: None,
            former: None,
            retry_at: None,
            failures: 0,
            refusals: 0,
            connections: 0,
            faults: Default::default(),
            actions: VecDeque::new(),
            stopped: false,
        };
        session.connect(now);
        session
    }

    /// What to do, one after the other, until nothing is left.
    pub fn poll(&mut self) -> Option<SessionAction> {
        self.actions.pop_front()
    }

    /// When to call [`tick`](Self::tick) at the latest; never, once the session has stopped.
    pub fn wake_at(&self) -> Option<Duration> {
        if self.stopped {
            return None;
        }
        let links = [&self.current, &self.next].into_iter().flatten();
        let of_links = links.flat_map(|it| [Some(it.gives_up_at(&self.config)), it.ping_at]);
        let replace_at = match (&self.current, &self.next, self.retry_at) {
            (Some(current), None, None) => current.replace_at,
            _ => None,
        };
        let stable_at = self.current.as_ref().filter(|it| !it.forgiven);
        let others = [
            self.former.as_ref().map(|(_, until)| *until),
            self.retry_at,
            replace_at,
            stable_at.map(|it| it.since + self.config.stable_after),
        ];
        of_links.chain(others).flatten().min()
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: Duration, random: u64) {
        if self.stopped {
            return;
        }
        if self.former.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.close_former();
        }
        let config = self.config;
        for id in [&self.current, &self.next].map(|it| it.as_ref().map(|it| it.id)) {
            let Some(id) = id else { continue };
            let Some(link) = self.link(id) else { continue };
            if link.gives_up_at(&config) <= now {
                self.fail(id, now, random);
            } else if link.take_ping(&config, now) {
                self.actions.push_back(SessionAction::KeepAlive(id));
            }
        }
        self.forgive(now);
        let replace = self.current.as_ref().and_then(|it| it.replace_at);
        if self.next.is_none() {
            match self.retry_at {
                Some(at) if at <= now => self.connect(now),
                None if replace.is_some_and(|at| at <= now) => self.connect(now),
                _ => {}
            }
        }
    }

    /// Takes note of what happened on a connection. Of one that is unknown, nothing matters.
    pub fn handle(
        &mut self,
        connection: ConnectionId,
        input: SessionInput,
        now: Duration,
        random: u64,
    ) {
        if let SessionInput::BadFrame(fault) = &input
            && let Some(count) = self.faults.get_mut(*fault as usize)
        {
            *count += 1;
        }
        if self.former.as_ref().is_some_and(|(link, _)| link.id == connection) {
            if matches!(input, SessionInput::Closed | SessionInput::BadFrame(_)) {
                self.close_former();
            }
            return;
        }
        let config = self.config;
        let Some(link) = self.link(connection) else { return };
        let stage = link.stage;
        if !matches!(input, SessionInput::Closed) {
            link.heard(now);
        }
        match input {
            SessionInput::Opened if stage == Stage::Connecting => {
                link.open(&config, now, random);
                self.actions.push_back(SessionAction::Authenticate(connection));
            }
            SessionInput::Authenticated if stage == Stage::Authenticating => {
                link.enter(Stage::Subscribing, now);
                self.actions.push_back(SessionAction::Subscribe(connection));
            }
            SessionInput::Subscribed if stage == Stage::Subscribing => self.take_over(now),
            SessionInput::Refused(refusal) if stage != Stage::Ready => {
                self.refused(connection, refusal, now, random);
            }
            SessionInput::Reconnect if stage == Stage::Ready => self.replace(now, random),
            SessionInput::Reconnect | SessionInput::BadFrame(_) | SessionInput::Closed => {
                self.fail(connection, now, random);
            }
            _ => {}
        }
    }

    /// The connection that carries the session.
    pub fn current(&self) -> Option<ConnectionId> {
        self.current.as_ref().map(|link| link.id)
    }

    /// Whether more than one connection may tell the same things.
    pub fn overlaps(&self) -> bool {
        let open = |link: &Link| link.stage != Stage::Connecting;
        let links = usize::from(self.current.is_some())
            + usize::from(self.next.as_ref().is_some_and(open))
            + usize::from(self.former.is_some());
        links > 1
    }

    /// Whether the session is over.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How many connections there have been.
    pub const fn connections(&self) -> u64 {
        self.connections
    }

    /// How many frames had this fault.
    pub fn faults(&self, fault: FrameFault) -> u64 {
        self.faults.get(fault as usize).copied().unwrap_or(0)
    }

    fn link(&mut self, id: ConnectionId) -> Option<&mut Link> {
        [&mut self.current, &mut self.next].into_iter().flatten().find(|link| link.id == id)
    }

    fn is_stable(&self, now: Duration) -> bool {
        let ready_for = self.current.as_ref().and_then(|link| link.ready_for(now));
        ready_for.is_some_and(|time| time >= self.config.stable_after)
    }

    /// A connection that held has made up for the failures before it, once.
    fn forgive(&mut self, now: Duration) {
        if self.is_stable(now)
            && let Some(current) = self.current.as_mut().filter(|it| !it.forgiven)
        {
            current.forgiven = true;
            self.failures = 0;
        }
    }

    fn connect(&mut self, now: Duration) {
        self.retry_at = None;
        self.connections += 1;
        let id = ConnectionId(self.connections);
        self.next = Some(Link::new(id, now));
        self.actions.push_back(SessionAction::Connect(id));
    }

    /// The next connection is ready: it carries the session, and what is still under way on the one
    /// before is awaited for a moment.
    fn take_over(&mut self, now: Duration) {
        let Some(mut link) = self.next.take() else { return };
        link.enter(Stage::Ready, now);
        let connection = link.id;
        let before = self.current.replace(link);
        self.refusals = 0;
        self.actions.push_back(SessionAction::Ready { connection, gap: before.is_none() });
        if let Some(before) = before {
            self.close_former();
            self.former = Some((before, now + self.config.linger));
        }
    }

    /// The venue is about to end the connection: another one has to take over.
    fn replace(&mut self, now: Duration, random: u64) {
        if self.next.is_some() || self.retry_at.is_some() {
            return;
        }
        // Announced right after the connection came up, it would make for a storm.
        let wait = if self.is_stable(now) {
            up_to(self.config.backoff.first, random)
        } else {
            self.failures = self.failures.saturating_add(1);
            self.config.backoff.wait(self.failures, random)
        };
        self.retry_at = Some(now + wait);
    }

    fn refused(&mut self, id: ConnectionId, refusal: Refusal, now: Duration, random: u64) {
        self.refusals = self.refusals.saturating_add(1);
        self.fail(id, now, random);
        if self.refusals < self.config.refusals_max {
            return;
        }
        self.retry_at = None;
        match &mut self.current {
            // While an older connection is still good, it is used to its end.
            Some(current) => current.replace_at = None,
            None => {
                self.stopped = true;
                self.close_former();
                self.actions.push_back(SessionAction::Stopped(refusal));
            }
        }
    }

    /// Gives a connection up, and tries again after a wait.
    fn fail(&mut self, id: ConnectionId, now: Duration, random: u64) {
        self.forgive(now);
        self.actions.push_back(SessionAction::Close(id));
        if self.next.as_ref().is_some_and(|link| link.id == id) {
            self.next = None;
        } else {
            self.current = None;
            self.actions.push_back(SessionAction::Lost);
        }
        if self.next.is_none() {
            self.failures = self.failures.saturating_add(1);
            let again_at = now + self.config.backoff.wait(self.failures, random);
            self.retry_at = Some(self.retry_at.map_or(again_at, |at| at.min(again_at)));
        }
    }

    fn close_former(&mut self) {
        if let Some((link, _)) = self.former.take() {
            self.actions.push_back(SessionAction::Close(link.id));
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
