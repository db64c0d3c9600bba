use core::fmt;
use core::str::FromStr;

/// A bug planted on purpose, to see whether the simulation finds it. None of them is in the crates:
/// each sits in the ports that the simulation hands them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutation {
    /// The transport sends an order whose reply was lost a second time, as an HTTP library with
    /// automatic retries would.
    RetryWithoutReconcile,
    /// The dialect tells a receive window of nothing, so that "no such order" counts as final while
    /// the venue still takes the lost request.
    ResendBeforeBound,
    /// The server frees the idempotency key when it answers that it does not know.
    ReleaseOnTimeout,
    /// The store says that an intent is durable, and writes it afterwards.
    IntentAfterSend,
    /// The second attempt at an order carries a client order id of its own.
    ClientIdChanged,
    /// The transport claims "not sent" for whatever got no reply.
    SilenceIsRejection,
    /// Configuration is read once and never again.
    StaleKillSwitch,
    /// A restart looks for no open orders.
    NoRecovery,
    /// An order that the WebSocket does not answer in time is sent again over REST.
    SocketResentOverRest,
    /// The consumer of the queue takes a message for done before it is carried out.
    AckedBeforeCarriedOut,
    /// A signal whose outcome is unknown goes to the next exchange.
    FailoverOnUnknown,
}

impl Mutation {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::RetryWithoutReconcile,
        Self::ResendBeforeBound,
        Self::ReleaseOnTimeout,
        Self::IntentAfterSend,
        Self::ClientIdChanged,
        Self::SilenceIsRejection,
        Self::StaleKillSwitch,
        Self::NoRecovery,
        Self::SocketResentOverRest,
        Self::AckedBeforeCarriedOut,
        Self::FailoverOnUnknown,
    ];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetryWithoutReconcile => "retry-without-reconcile",
            Self::ResendBeforeBound => "resend-before-bound",
            Self::ReleaseOnTimeout => "release-on-timeout",
            Self::IntentAfterSend => "intent-after-send",
            Self::ClientIdChanged => "client-id-changed",
            Self::SilenceIsRejection => "silence-is-rejection",
            Self::StaleKillSwitch => "stale-kill-switch",
            Self::NoRecovery => "no-recovery",
            Self::SocketResentOverRest => "socket-resent-over-rest",
            Self::AckedBeforeCarriedOut => "acked-before-carried-out",
            Self::FailoverOnUnknown => "failover-on-unknown",
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mutation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|mutation| mutation.as_str() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|mutation| mutation.as_str()).collect();
            format!("no such bug; there are {}", names.join(", "))
        })
    }
}
