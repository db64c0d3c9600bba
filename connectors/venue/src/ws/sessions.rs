//! The open sessions of one venue, and what time alone does to them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::entry::{Entry, Verdict};
use super::outbox::{Answers, Outbox};
use super::{Frame, Front, Message, Policy, SessionId};
use crate::engine::Engine;
use crate::fault::Faults;

/// The open sessions of one venue.
#[derive(Debug)]
pub(crate) struct Sessions<S> {
    open: BTreeMap<SessionId, Entry<S>>,
    rewatch: bool,
    /// Clients cut off because they did not read.
    pub(crate) slow: u64,
    /// Clients disconnected or refused because they sent or opened too many.
    pub(crate) limited: u64,
    /// Messages received, pings and pongs apart.
    pub(crate) messages: u64,
    pub(crate) faults_injected: u64,
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            rewatch: false,
            slow: 0,
            limited: 0,
            messages: 0,
            faults_injected: 0,
        }
    }
}

/// What the sessions of a venue need from the exchange while they work.
pub(crate) struct Bench<'a, F> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) front: &'a mut F,
    pub(crate) faults: &'a mut Faults,
    /// Prefix of the venue's paths.
    pub(crate) prefix: &'static str,
    pub(crate) server_ms: u64,
    /// Milliseconds the next answer takes on the wire.
    pub(crate) latency_ms: u64,
}

impl<S> Sessions<S> {
    pub(crate) fn insert(
        &mut self,
        now_ms: u64,
        id: SessionId,
        (path, peer): (&str, IpAddr),
        (state, policy): (S, Policy),
        out: Outbox,
    ) {
        let entry = Entry {
            state,
            path: path.to_owned(),
            peer,
            policy,
            out,
            opened_ms: now_ms,
            pinged_ms: now_ms,
            ponged_ms: now_ms,
            heard_ms: now_ms,
            silent_until_ms: 0,
            timer_ms: Some(now_ms),
            held: None,
            late: Vec::new(),
        };
        self.open.insert(id, entry);
        self.rewatch = true;
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<S> {
        self.rewatch = true;
        self.open.remove(&id).map(|entry| entry.state)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The frames of a session that may be sent by now; none for one that is unknown.
    pub(crate) fn take(&mut self, now_ms: u64, id: SessionId) -> Vec<Frame> {
        let entry = self.open.get_mut(&id).filter(|e| e.silent_until_ms <= now_ms);
        entry.map(|e| e.out.take(now_ms)).unwrap_or_default()
    }

    /// Sessions with frames that may be sent by now.
    pub(crate) fn ready(&self, now_ms: u64) -> impl Iterator<Item = SessionId> + '_ {
        self.open
            .iter()
            .filter(move |(_, e)| e.silent_until_ms <= now_ms)
            .filter(move |(_, e)| e.out.next_due().is_some_and(|due| due <= now_ms))
            .map(|(id, _)| *id)
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<u64> {
        self.open.values().filter_map(Entry::next).min()
    }

    /// Whether the session neither speaks nor listens for now.
    pub(crate) fn silent(&self, now_ms: u64, id: SessionId) -> bool {
        self.open.get(&id).is_some_and(|e| e.silent_until_ms > now_ms)
    }

    /// Whether the session's connection is to be cut without sending what waits.
    pub(crate) fn cut(&self, id: SessionId) -> bool {
        self.open.get(&id).is_none_or(|e| e.out.cut())
    }

    /// Sessions whose path contains `matches`, all without it.
    fn matching<'s>(
        &'s mut self,
        matches: Option<&'s str>,
    ) -> impl Iterator<Item = (&'s SessionId, &'s mut Entry<S>)> {
        let hit = move |path: &str| matches.is_none_or(|text| path.contains(text));
        self.open.iter_mut().filter(move |(_, e)| !e.out.ended() && hit(&e.path))
    }

    /// Cuts connections; how many.
    pub(crate) fn reset(&mut self, now_ms: u64, matches: Option<&str>) -> usize {
        self.matching(matches)
            .map(|(_, e)| {
                e.silent_until_ms = 0;
                e.out.at(now_ms);
                e.out.reset();
            })
            .count()
    }

    /// Lets connections fall silent for a time; how many.
    pub(crate) fn silence(&mut self, until_ms: u64, matches: Option<&str>) -> usize {
        self.matching(matches).map(|(_, e)| e.silent_until_ms = until_ms).count()
    }
}

impl<S: std::fmt::Debug> Sessions<S> {
    /// Announces the end to connections, which are closed `after_ms` later; how many.
    pub(crate) fn shut_down<F: Front<Session = S>>(
        &mut self,
        bench: &mut Bench<'_, F>,
        after_ms: u64,
        matches: Option<&str>,
    ) -> usize {
        let now_ms = bench.engine.now_ms();
        let mut count = 0;
        for (_, entry) in self.matching(matches) {
            let age = now_ms.saturating_sub(entry.opened_ms);
            entry.policy.life_ms = Some(age.saturating_add(after_ms));
            entry.with(bench, |front, cx, state| front.farewell(cx, state));
            count += 1;
        }
        self.settle(bench);
        count
    }

    /// Hands a message to the front, unless a fault prevents it.
    pub(crate) fn message<F: Front<Session = S>>(
        &mut self,
        bench: &mut Bench<'_, F>,
        id: SessionId,
        message: Message,
        verdict: Verdict,
    ) {
        let now_ms = bench.engine.now_ms();
        let Some(entry) = self.open.get_mut(&id) else { return };
        if entry.out.ended() || entry.silent_until_ms > now_ms {
            return;
        }
        entry.heard_ms = now_ms;
        match message {
            Message::Pong(_) => entry.ponged_ms = now_ms,
            Message::Ping(_) => {}
            Message::Text(_) | Message::Binary(_) => self.messages += 1,
        }
        self.faults_injected += u64::from(verdict != Verdict::Handle(Answers::Sent));
        entry.handle(bench, message, verdict);
    }

    /// The request's name for faults, and the path it came on.
    pub(crate) fn describe<F: Front<Session = S>>(
        &self,
        front: &F,
        id: SessionId,
        message: &Message,
    ) -> Option<(String, &str)> {
        let entry = self.open.get(&id)?;
        Some((front.name(&entry.state, message).into_owned(), &entry.path))
    }

    /// Tells all sessions what has happened since the last call.
    pub(crate) fn settle<F: Front<Session = S>>(&mut self, bench: &mut Bench<'_, F>) {
        if self.open.is_empty() {
            return;
        }
        self.listen(bench);
        bench.front.due(bench.engine, bench.server_ms);
        bench.engine.refresh_watched();
        let (events, lost) = bench.engine.hub.drain();
        let now_ms = bench.engine.now_ms();
        for entry in self.open.values_mut() {
            entry.out.at(now_ms);
            if lost {
                entry.out.reset();
            }
            for event in &events {
                entry.event(bench, event);
            }
        }
        self.release(bench);
        self.listen(bench);
    }

    /// Passes events on to the outboxes, and counts what became of them.
    fn release<F: Front<Session = S>>(&mut self, bench: &mut Bench<'_, F>) {
        for entry in self.open.values_mut() {
            self.faults_injected += entry.release(bench);
            self.slow += u64::from(std::mem::take(&mut entry.out.overflowed));
            self.limited += u64::from(std::mem::take(&mut entry.out.limited));
            self.rewatch |= std::mem::take(&mut entry.out.rewatch);
        }
    }

    /// Does what is due by time alone. Returns when to look again.
    pub(crate) fn tick<F: Front<Session = S>>(&mut self, bench: &mut Bench<'_, F>) -> Option<u64> {
        let now_ms = bench.engine.now_ms();
        for entry in self.open.values_mut() {
            entry.out.at(now_ms);
            let arrived = entry.late.extract_if(.., |(at, _)| *at <= now_ms);
            for (_, message) in arrived.collect::<Vec<_>>() {
                entry.handle(bench, message, Verdict::Handle(Answers::Sent));
            }
            entry.keep_alive(now_ms);
        }
        // What has happened comes first: what the clock asks for sums it up.
        self.settle(bench);
        for entry in self.open.values_mut() {
            if entry.timer_ms.is_some_and(|at| at <= now_ms) && !entry.out.ended() {
                entry.timer_ms = entry.with(bench, |front, cx, state| front.tick(cx, state));
            }
        }
        self.release(bench);
        self.next()
    }

    /// Recomputes what the engine records.
    fn listen<F: Front<Session = S>>(&mut self, bench: &mut Bench<'_, F>) {
        if !std::mem::take(&mut self.rewatch) {
            return;
        }
        let mut watched = BTreeSet::new();
        for entry in self.open.values().filter(|e| !e.out.ended()) {
            bench.front.watched(bench.engine, &entry.state, &mut watched);
        }
        bench.engine.hub.listen(!self.open.is_empty(), watched);
    }
}
