use core::fmt;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub invariant: &'static str,
    /// What was seen instead.
    pub details: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.details)
    }
}

/// What one seed came to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The invariant that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// What happened, in numbers.
    pub counts: Counts,
    /// Everything that happened as one number: equal for two runs of one seed.
    pub digest: u64,
    /// What happened, a line for each event; empty unless it was asked for.
    pub trace: Vec<String>,
}

/// How often something happened: a simulation in which it never does proves nothing about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Steps of the executor.
    pub steps: u64,
    /// Virtual time, in milliseconds.
    pub virtual_ms: u64,
    /// Webhooks that reached a process, the same signal sent again included.
    pub webhooks: u64,
    /// Of those, answered with 200.
    pub filled: u64,
    /// Of those, answered with "already processed".
    pub duplicates: u64,
    /// Of those, answered with "nobody knows yet".
    pub unknown: u64,
    /// Of those, refused because of the kill switch.
    pub halted: u64,
    /// Webhooks whose process died before it answered.
    pub unanswered: u64,
    /// Requests that left for a venue.
    pub requests: u64,
    /// Of those, for an order.
    pub orders_sent: u64,
    /// Of those, not the first for this order.
    pub orders_resent: u64,
    /// Orders that live or filled.
    pub orders: u64,
    /// Orders executed after their client had given up on the request.
    pub late_orders: u64,
    /// Requests that got lost.
    pub requests_lost: u64,
    /// Replies that got lost.
    pub replies_lost: u64,
    /// Failures of a venue.
    pub venue_faults: u64,
    /// Calls that the store refused.
    pub store_failures: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Open orders that a process found at its start.
    pub recovered: u64,
    /// Of those, answered with "in the queue".
    pub enqueued: u64,
    /// Of those, over WebSocket.
    pub frames: u64,
    /// Connections for orders that were opened.
    pub connections: u64,
    /// Orders that went to another exchange than the one chosen.
    pub failovers: u64,
    /// Messages that the queue delivered, the same one again included.
    pub deliveries: u64,
    /// Messages that ended as dead letters.
    pub dead_letters: u64,
    /// Dead letters that were put back into the queue.
    pub replays: u64,
    /// Positions that the operator closed with all others.
    pub closed_all: u64,
    /// Orders on spot that live or filled.
    pub spot_orders: u64,
    /// Orders in hedge mode that live or filled.
    pub hedged_orders: u64,
}

impl Counts {
    /// The names and the numbers.
    pub fn rows(&self) -> [(&'static str, u64); 29] {
        [
            ("steps", self.steps),
            ("virtual ms", self.virtual_ms),
            ("webhooks", self.webhooks),
            ("answered 200", self.filled),
            ("answered duplicate", self.duplicates),
            ("answered unknown", self.unknown),
            ("answered halted", self.halted),
            ("cut off by a crash", self.unanswered),
            ("requests", self.requests),
            ("orders sent", self.orders_sent),
            ("orders sent again", self.orders_resent),
            ("orders live or filled", self.orders),
            ("orders arrived late", self.late_orders),
            ("requests lost", self.requests_lost),
            ("replies lost", self.replies_lost),
            ("venue faults", self.venue_faults),
            ("store failures", self.store_failures),
            ("crashes", self.crashes),
            ("intents recovered", self.recovered),
            ("answered enqueued", self.enqueued),
            ("orders over WebSocket", self.frames),
            ("WebSocket connections", self.connections),
            ("orders elsewhere", self.failovers),
            ("queue deliveries", self.deliveries),
            ("dead letters", self.dead_letters),
            ("letters replayed", self.replays),
            ("positions closed by hand", self.closed_all),
            ("spot orders", self.spot_orders),
            ("hedged orders", self.hedged_orders),
        ]
    }

    /// Adds another run's numbers.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.virtual_ms += other.virtual_ms;
        self.webhooks += other.webhooks;
        self.filled += other.filled;
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        self.halted += other.halted;
        self.unanswered += other.unanswered;
        self.requests += other.requests;
        self.orders_sent += other.orders_sent;
        self.orders_resent += other.orders_resent;
        self.orders += other.orders;
        self.late_orders += other.late_orders;
        self.requests_lost += other.requests_lost;
        self.replies_lost += other.replies_lost;
        self.venue_faults += other.venue_faults;
        self.store_failures += other.store_failures;
        self.crashes += other.crashes;
        self.recovered += other.recovered;
        self.enqueued += other.enqueued;
        self.frames += other.frames;
        self.connections += other.connections;
        self.failovers += other.failovers;
        self.deliveries += other.deliveries;
        self.dead_letters += other.dead_letters;
        self.replays += other.replays;
        self.closed_all += other.closed_all;
        self.spot_orders += other.spot_orders;
        self.hedged_orders += other.hedged_orders;
    }
}
