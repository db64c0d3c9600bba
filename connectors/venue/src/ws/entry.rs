//! One session: its messages, its events, and what time alone does to it.

use std::net::IpAddr;

use super::damage::damaged;
use super::outbox::{Answers, Outbox};
use super::sessions::Bench;
use super::{Cx, Frame, Front, Message, Policy};
use crate::engine::Event;
use crate::fault::{Fault, FaultKind};

/// Close code for a connection that breaks the venue's rules (RFC 6455, section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;
/// Close code for a connection whose time is over.
const GOING_AWAY: u16 = 1001;

/// One open session.
#[derive(Debug)]
pub(super) struct Entry<S> {
    pub(super) state: S,
    /// Without the venue's prefix.
    pub(super) path: String,
    pub(super) peer: IpAddr,
    pub(super) policy: Policy,
    pub(super) out: Outbox,
    pub(super) opened_ms: u64,
    pub(super) pinged_ms: u64,
    /// When the client last showed that it is there.
    pub(super) ponged_ms: u64,
    pub(super) heard_ms: u64,
    /// Says and hears nothing until then.
    pub(super) silent_until_ms: u64,
    /// When the front wants to look again.
    pub(super) timer_ms: Option<u64>,
    /// An event that the next one overtakes.
    pub(super) held: Option<Frame>,
    /// Messages slow on their way to the venue, and when they arrive.
    pub(super) late: Vec<(u64, Message)>,
}

/// What is to be done to a session before or instead of handling its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Handle it; what becomes of the answers.
    Handle(Answers),
    /// Handle it, then cut the connection.
    HandleAndReset,
    /// Cut the connection.
    Reset,
    /// It arrives so many milliseconds later.
    Late(u64),
    /// Answer with this fault; before, handle it without its answer being seen, if true.
    Refuse(Box<Fault>, bool),
}

impl<S: std::fmt::Debug> Entry<S> {
    pub(super) fn with<F: Front<Session = S>, R>(
        &mut self,
        bench: &mut Bench<'_, F>,
        run: impl FnOnce(&mut F, &mut Cx<'_>, &mut S) -> R,
    ) -> R {
        self.out.at(bench.engine.now_ms());
        self.out.latency_ms = bench.latency_ms;
        let mut cx = Cx {
            engine: &mut *bench.engine,
            out: &mut self.out,
            server_ms: bench.server_ms,
            peer: self.peer,
        };
        run(&mut *bench.front, &mut cx, &mut self.state)
    }

    pub(super) fn handle<F: Front<Session = S>>(
        &mut self,
        bench: &mut Bench<'_, F>,
        message: Message,
        verdict: Verdict,
    ) {
        let now_ms = bench.engine.now_ms();
        let (answers, refusal, reset) = match verdict {
            Verdict::Handle(answers) => (Some(answers), None, false),
            Verdict::HandleAndReset => (Some(Answers::Lost), None, true),
            Verdict::Reset => (None, None, true),
            Verdict::Late(ms) => {
                self.late.push((now_ms.saturating_add(ms), message));
                return;
            }
            Verdict::Refuse(fault, true) => (Some(Answers::Lost), Some(fault), false),
            Verdict::Refuse(fault, false) => (None, Some(fault), false),
        };
        if let Some(answers) = answers {
            self.out.answers = answers;
            self.with(bench, |front, cx, state| front.message(cx, state, &message));
            self.out.answers = Answers::Sent;
        }
        if let Some(fault) = refusal {
            self.with(bench, |front, cx, state| front.refuse(cx, state, &message, &fault));
        }
        if reset {
            self.out.at(now_ms);
            self.out.reset();
        }
        // The front may have new timers now.
        self.timer_ms = Some(now_ms);
    }

    pub(super) fn event<F: Front<Session = S>>(&mut self, bench: &mut Bench<'_, F>, event: &Event) {
        if !self.out.ended() {
            self.with(bench, |front, cx, state| front.event(cx, state, event));
        }
    }

    /// Passes staged events through the faults into the outbox; how many faults hit.
    pub(super) fn release<F>(&mut self, bench: &mut Bench<'_, F>) -> u64 {
        let now_ms = bench.engine.now_ms();
        let mut hits = 0;
        for (name, frame) in std::mem::take(&mut self.out.staged) {
            if self.silent_until_ms > now_ms {
                continue;
            }
            let fault = bench.faults.take_event(bench.prefix, &self.path, name);
            hits += u64::from(fault.is_some());
            let Some(fault) = fault else {
                self.out.put(frame);
                if let Some(held) = self.held.take() {
                    self.out.put(held);
                }
                continue;
            };
            match fault.kind {
                FaultKind::StreamDuplicate => {
                    self.out.put(frame.clone());
                    self.out.put(frame);
                }
                FaultKind::StreamReorder => {
                    if let Some(before) = self.held.replace(frame) {
                        self.out.put(before);
                    }
                }
                FaultKind::StreamReset => self.out.reset(),
                FaultKind::StreamSilent => {
                    let ms = fault.ms_or(u64::MAX);
                    self.silent_until_ms = now_ms.saturating_add(ms);
                }
                kind => {
                    if let Some(damaged) = damaged(kind, &frame) {
                        self.out.put(damaged);
                    }
                }
            }
        }
        hits
    }

    pub(super) fn keep_alive(&mut self, now_ms: u64) {
        if self.out.ended() || self.silent_until_ms > now_ms {
            return;
        }
        let since = |then: u64| now_ms.saturating_sub(then);
        let over = |limit: Option<u64>, then: u64| limit.is_some_and(|ms| since(then) >= ms);
        if over(self.policy.life_ms, self.opened_ms) {
            self.out.close(GOING_AWAY, "connection lifetime is over");
        } else if over(self.policy.pong_within_ms, self.ponged_ms) {
            self.out.close(POLICY_VIOLATION, "Pong timeout");
        } else if over(self.policy.idle_ms, self.heard_ms) {
            self.out.close(POLICY_VIOLATION, "nothing heard from the client");
        } else if over(self.policy.ping_every_ms, self.pinged_ms) {
            self.pinged_ms = now_ms;
            self.out.put(Frame::Ping(now_ms.to_string().into_bytes()));
        }
    }
}

impl<S> Entry<S> {
    /// When something is due next.
    pub(super) fn next(&self) -> Option<u64> {
        let queued = self.out.next_due();
        if self.out.ended() {
            return queued;
        }
        let at = |limit: Option<u64>, then: u64| limit.map(|ms| then.saturating_add(ms));
        [
            queued,
            self.timer_ms,
            self.late.iter().map(|(at, _)| *at).min(),
            at(self.policy.life_ms, self.opened_ms),
            at(self.policy.pong_within_ms, self.ponged_ms),
            at(self.policy.idle_ms, self.heard_ms),
            at(self.policy.ping_every_ms, self.pinged_ms),
        ]
        .into_iter()
        .flatten()
        .map(|at| at.max(self.silent_until_ms.min(u64::MAX - 1)))
        .min()
    }
}
