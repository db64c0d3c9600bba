//! The exchange's WebSocket half: sessions open, speak, are pushed to, and close.

use serde::{Deserialize, Serialize};

use super::{Books, Exchange};
use crate::fault::{Fault, FaultKind, Faults};
use crate::http::{Handled, HttpRequest, HttpResponse};
use crate::venue::Venue;
use crate::ws::{
    Answers, Bench, Cx, Frame, Front, MAX_MESSAGE, Message, Outbox, SessionId, Verdict,
};

/// What can be done to open sessions from outside, at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionFault {
    /// They stay open, but neither speak nor listen, and do not ping.
    Silence,
    /// They are cut.
    Reset,
    /// They are told that they will be closed, where the venue has words for that (Binance:
    /// `serverShutdown`), and closed after the given time.
    Shutdown,
}

impl Exchange {
    /// Opens a WebSocket session. `request` is that of the handshake, its path the venue's prefix
    /// and the venue's own path: `/binance/ws/btcusdt@trade`.
    ///
    /// Frames may wait from the start: see [`Exchange::take_frames`].
    ///
    /// # Errors
    /// What is to be answered instead of an upgrade, which a fault may turn into nothing at all.
    pub fn connect(
        &mut self,
        now_ms: u64,
        request: &HttpRequest<'_>,
    ) -> Result<SessionId, Handled> {
        let refuse = |reply| Err(Handled::Reply(reply));
        let Some((venue, path)) = Venue::of(request.path) else {
            return refuse(HttpResponse::html(404, "Not Found"));
        };
        self.observe(now_ms);
        if let Some(refusal) = self.down(now_ms, venue) {
            return refuse(refusal);
        }
        let fault = self.faults.take_request("CONNECT", venue.prefix(), format_args!("{path}"));
        let server_ms = self.server_ms(now_ms);
        if let Some(fault) = fault {
            return Err(on!(self, venue, |books| {
                books.faults_injected += 1;
                match fault.kind {
                    FaultKind::ReplyLost
                    | FaultKind::ResetBefore
                    | FaultKind::ResetAfter
                    | FaultKind::Truncated
                    | FaultKind::ReplyCut => Handled::Drop,
                    FaultKind::Delay | FaultKind::DelayBefore => {
                        Handled::HandleAfter(fault.ms_or(0))
                    }
                    _ => Handled::Reply(books.front.injected(&fault, server_ms)),
                }
            }));
        }
        self.connect_late(now_ms, request).or_else(refuse)
    }

    /// Opens a session that [`Handled::HandleAfter`] had postponed: no fault hits it again.
    ///
    /// # Errors
    /// What is to be answered instead of an upgrade.
    pub fn connect_late(
        &mut self,
        now_ms: u64,
        request: &HttpRequest<'_>,
    ) -> Result<SessionId, HttpResponse> {
        let Some((venue, path)) = Venue::of(request.path) else {
            return Err(HttpResponse::html(404, "Not Found"));
        };
        let server_ms = self.server_ms(now_ms);
        let id = SessionId(self.last_session + 1);
        let max = self.max_sessions;
        on!(self, venue, |books| {
            if books.sessions.len() >= max {
                return Err(HttpResponse::html(503, "Service Unavailable"));
            }
            books.engine.advance(now_ms);
            let now_ms = books.engine.now_ms();
            let mut out = Outbox::at_time(now_ms);
            let mut cx =
                Cx { engine: &mut books.engine, out: &mut out, server_ms, peer: request.peer };
            let opened = books.front.open(&mut cx, path, request).inspect_err(|refusal| {
                books.sessions.limited += u64::from(refusal.status == 429);
            })?;
            books.sessions.insert(now_ms, id, (path, request.peer), opened, out);
        });
        self.last_session += 1;
        self.sockets.insert(id, venue);
        self.settle(venue, now_ms);
        Ok(id)
    }

    /// Takes in a message from a client. What follows from it, for this session and for others,
    /// is in the outboxes afterwards. A message longer than [`MAX_MESSAGE`] cuts the connection.
    pub fn message(&mut self, now_ms: u64, session: SessionId, message: Message) {
        let Some(venue) = self.sockets.get(&session).copied() else { return };
        let server_ms = self.server_ms(now_ms);
        let latency_ms = self.draw_latency();
        let faults = &mut self.faults;
        on!(self, venue, |books| {
            books.engine.advance(now_ms);
            let verdict = match length(&message) {
                n if n > MAX_MESSAGE => Verdict::Reset,
                _ => books.judge(faults, venue, session, &message),
            };
            let (sessions, mut bench) = books.bench(faults, venue, server_ms, latency_ms);
            sessions.message(&mut bench, session, message, verdict);
            sessions.settle(&mut bench);
        });
    }

    /// Forgets a session whose connection is gone.
    pub fn closed(&mut self, session: SessionId) {
        let Some(venue) = self.sockets.remove(&session) else { return };
        on!(self, venue, |books| {
            if let Some(state) = books.sessions.remove(session) {
                books.front.closed(state);
            }
        });
    }

    /// Does what is due by time alone: prices move, events are pushed, pings sent, dead clients
    /// disconnected. Returns when to call again at the latest; `None` as long as no session is
    /// open.
    pub fn poll(&mut self, now_ms: u64) -> Option<u64> {
        self.observe(now_ms);
        let server_ms = self.server_ms(now_ms);
        let mut next: Option<u64> = None;
        for venue in Venue::ALL {
            let latency_ms = self.draw_latency();
            let faults = &mut self.faults;
            let due = on!(self, *venue, |books| {
                if books.sessions.len() == 0 {
                    continue;
                }
                books.engine.advance(now_ms);
                let (sessions, mut bench) = books.bench(faults, *venue, server_ms, latency_ms);
                let due = sessions.tick(&mut bench);
                let step = books.engine.next_step_ms();
                due.map_or(step, |due| due.min(step))
            });
            next = Some(next.map_or(due, |before| before.min(due)));
        }
        next
    }

    /// When the next frame, timer or message on its way is due on any session; prices aside.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        let dues =
            [self.binance.sessions.next(), self.bybit.sessions.next(), self.mexc.sessions.next()];
        dues.into_iter().flatten().min()
    }

    /// Takes the frames of a session that may be sent by now, in order.
    pub fn take_frames(&mut self, now_ms: u64, session: SessionId) -> Vec<Frame> {
        let Some(venue) = self.sockets.get(&session).copied() else { return Vec::new() };
        on!(self, venue, |books| books.sessions.take(now_ms, session))
    }

    /// The sessions with frames that may be sent by now.
    #[must_use]
    pub fn ready(&self, now_ms: u64) -> Vec<SessionId> {
        let mut ready: Vec<SessionId> = self.binance.sessions.ready(now_ms).collect();
        ready.extend(self.bybit.sessions.ready(now_ms));
        ready.extend(self.mexc.sessions.ready(now_ms));
        ready
    }

    /// Whether a session is to be left unread for now: a fault has silenced it.
    #[must_use]
    pub fn is_silent(&self, now_ms: u64, session: SessionId) -> bool {
        match self.sockets.get(&session) {
            Some(Venue::Binance) => self.binance.sessions.silent(now_ms, session),
            Some(Venue::Bybit) => self.bybit.sessions.silent(now_ms, session),
            Some(Venue::Mexc) => self.mexc.sessions.silent(now_ms, session),
            None => false,
        }
    }

    /// Whether a session is at its end, whatever of it has not been sent yet.
    #[must_use]
    pub fn is_cut(&self, session: SessionId) -> bool {
        match self.sockets.get(&session) {
            Some(Venue::Binance) => self.binance.sessions.cut(session),
            Some(Venue::Bybit) => self.bybit.sessions.cut(session),
            Some(Venue::Mexc) => self.mexc.sessions.cut(session),
            None => true,
        }
    }

    /// Does something to the open sessions of a venue whose path contains `matches`, or to all.
    /// `ms` is how long they are silent (zero: for good), or how long after the announcement they
    /// are closed. Returns how many were hit.
    pub fn hit_sessions(
        &mut self,
        now_ms: u64,
        venue: Venue,
        matches: Option<&str>,
        fault: SessionFault,
        ms: u64,
    ) -> usize {
        let server_ms = self.server_ms(now_ms);
        let faults = &mut self.faults;
        on!(self, venue, |books| {
            books.engine.advance(now_ms);
            let now_ms = books.engine.now_ms();
            let hit = match fault {
                SessionFault::Silence => {
                    let until_ms = if ms == 0 { u64::MAX } else { now_ms.saturating_add(ms) };
                    books.sessions.silence(until_ms, matches)
                }
                SessionFault::Reset => books.sessions.reset(now_ms, matches),
                SessionFault::Shutdown => {
                    let (sessions, mut bench) = books.bench(faults, venue, server_ms, 0);
                    sessions.shut_down(&mut bench, ms, matches)
                }
            };
            books.faults_injected += u64::try_from(hit).unwrap_or(0);
            hit
        })
    }

    /// Pushes what has just happened on a venue to its sessions.
    pub(super) fn settle(&mut self, venue: Venue, now_ms: u64) {
        let server_ms = self.server_ms(now_ms);
        let faults = &mut self.faults;
        on!(self, venue, |books| {
            let (sessions, mut bench) = books.bench(faults, venue, server_ms, 0);
            sessions.settle(&mut bench);
        });
    }
}

impl<F: Front> Books<F> {
    fn bench<'b>(
        &'b mut self,
        faults: &'b mut Faults,
        venue: Venue,
        server_ms: u64,
        latency_ms: u64,
    ) -> (&'b mut crate::ws::Sessions<F::Session>, Bench<'b, F>) {
        let bench = Bench {
            engine: &mut self.engine,
            front: &mut self.front,
            faults,
            prefix: venue.prefix(),
            server_ms,
            latency_ms,
        };
        (&mut self.sessions, bench)
    }

    /// What the faults make of a message.
    fn judge(
        &self,
        faults: &mut Faults,
        venue: Venue,
        session: SessionId,
        message: &Message,
    ) -> Verdict {
        let handle = Verdict::Handle(Answers::Sent);
        let request = matches!(message, Message::Text(_) | Message::Binary(_));
        if !request || faults.idle() || self.sessions.silent(self.engine.now_ms(), session) {
            return handle;
        }
        let Some((name, path)) = self.sessions.describe(&self.front, session, message) else {
            return handle;
        };
        let fault = faults.take_request("WS", venue.prefix(), format_args!("{path} {name}"));
        fault.map_or(handle, verdict)
    }
}

/// What a fault does to a message.
fn verdict(fault: Fault) -> Verdict {
    match fault.kind {
        FaultKind::ReplyLost => Verdict::Handle(Answers::Lost),
        FaultKind::ResetAfter | FaultKind::ReplyCut => Verdict::HandleAndReset,
        FaultKind::ResetBefore => Verdict::Reset,
        FaultKind::Delay => Verdict::Handle(Answers::Late(fault.ms_or(0))),
        FaultKind::DelayBefore => Verdict::Late(fault.ms_or(0)),
        FaultKind::Truncated => Verdict::Handle(Answers::Cut),
        FaultKind::Http503Unknown
        | FaultKind::Http504Timeout
        | FaultKind::Http500Unexpected
        | FaultKind::Http408 => {
            let executed = fault.executed.unwrap_or(true);
            Verdict::Refuse(Box::new(fault), executed)
        }
        FaultKind::Html => {
            let executed = fault.executed.unwrap_or(false);
            Verdict::Refuse(Box::new(fault), executed)
        }
        _ => Verdict::Refuse(Box::new(fault), false),
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
    }
}
