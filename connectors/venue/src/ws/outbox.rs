//! What waits to be sent on one connection, in the order of time.

use std::collections::BTreeMap;

use super::Frame;
use super::damage::half;

/// Frames that may wait at a time; a client further behind is disconnected.
const MAX_FRAMES: usize = 20_000;

/// Bytes that may wait at a time; a client further behind is disconnected.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// What becomes of the answers to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answers {
    /// They are sent.
    #[default]
    Sent,
    /// They are sent so many milliseconds later.
    Late(u64),
    /// They get lost.
    Lost,
    /// Their second half is missing.
    Cut,
}

/// The frames of one session.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// By the time from which they may be sent, then by order of arrival.
    queue: BTreeMap<(u64, u64), Frame>,
    bytes: usize,
    next: u64,
    now_ms: u64,
    pub(super) answers: Answers,
    /// Milliseconds that every frame takes on the wire from here on.
    pub(super) latency_ms: u64,
    /// No frame overtakes an earlier one, whatever the latencies drawn.
    latest_ms: u64,
    /// Stream events that have not yet passed the faults, with their names.
    pub(super) staged: Vec<(&'static str, Frame)>,
    /// Set by the front when the instruments it watches may have changed.
    pub(super) rewatch: bool,
    ended: bool,
    pub(super) overflowed: bool,
    /// The client has sent more than it may.
    pub(super) limited: bool,
}

impl Outbox {
    /// An empty outbox at a time.
    pub(crate) fn at_time(now_ms: u64) -> Self {
        Self { now_ms, ..Self::default() }
    }

    pub(super) fn at(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Sends the answer to a request.
    pub(crate) fn reply(&mut self, frame: impl Into<Frame>) {
        let frame = frame.into();
        match self.answers {
            Answers::Sent => self.put(frame),
            Answers::Late(ms) => self.insert(self.now_ms.saturating_add(ms), frame),
            Answers::Lost => {}
            Answers::Cut => self.put(match frame {
                Frame::Text(text) => Frame::Text(half(&text).to_owned()),
                Frame::Binary(mut bytes) => {
                    bytes.truncate(bytes.len() / 2);
                    Frame::Binary(bytes)
                }
                other => other,
            }),
        }
    }

    /// Sends a stream event; faults find it under its name.
    pub(crate) fn event(&mut self, name: &'static str, frame: impl Into<Frame>) {
        self.staged.push((name, frame.into()));
    }

    /// Closes the connection in good order once everything before has been sent.
    pub(crate) fn close(&mut self, code: u16, reason: &'static str) {
        self.put(Frame::Close(code, reason));
        self.ended = true;
    }

    /// Closes the connection of a client that has sent more than it may.
    pub(crate) fn too_many(&mut self, code: u16, reason: &'static str) {
        self.limited = true;
        self.close(code, reason);
    }

    /// Notes that the instruments the session watches may have changed.
    pub(crate) fn rewatch(&mut self) {
        self.rewatch = true;
    }

    /// Cuts the connection now; what waits is lost.
    pub(super) fn reset(&mut self) {
        self.queue.clear();
        self.bytes = 0;
        self.insert(self.now_ms, Frame::Reset);
        self.ended = true;
    }

    pub(super) fn put(&mut self, frame: Frame) {
        let due = self.now_ms.saturating_add(self.latency_ms).max(self.latest_ms);
        self.latest_ms = due;
        self.insert(due, frame);
    }

    fn insert(&mut self, due_ms: u64, frame: Frame) {
        if self.ended {
            return;
        }
        self.bytes += size(&frame);
        self.next += 1;
        self.queue.insert((due_ms, self.next), frame);
        if self.queue.len() > MAX_FRAMES || self.bytes > MAX_BYTES {
            self.overflowed = true;
            self.reset();
        }
    }

    /// The frames that may be sent by now.
    pub(super) fn take(&mut self, now_ms: u64) -> Vec<Frame> {
        let later = self.queue.split_off(&(now_ms.saturating_add(1), 0));
        let due: Vec<Frame> = std::mem::replace(&mut self.queue, later).into_values().collect();
        self.bytes -= due.iter().map(size).sum::<usize>().min(self.bytes);
        due
    }

    /// When the next frame may be sent.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((due, _), _)| *due)
    }

    /// Whether the connection is to be cut, whatever is being sent.
    pub(super) fn cut(&self) -> bool {
        self.queue.last_key_value().is_some_and(|(_, frame)| *frame == Frame::Reset)
    }

    /// Whether the connection ends with what is in the outbox.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Frame {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<serde_json::Value> for Frame {
    fn from(value: serde_json::Value) -> Self {
        Self::Text(value.to_string())
    }
}

impl From<Vec<u8>> for Frame {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes)
    }
}

fn size(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::NotUtf8(bytes) | Frame::Ping(bytes) => bytes.len(),
        Frame::Close(..) | Frame::Reset => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_does_not_hold_up_what_follows() {
        let mut out = Outbox { now_ms: 100, answers: Answers::Late(50), ..Outbox::default() };
        out.reply("slow");
        out.answers = Answers::Sent;
        out.reply("fast");
        assert_eq!(out.take(100), [Frame::from("fast")]);
        assert_eq!(out.next_due(), Some(150));
        assert_eq!(out.take(150), [Frame::from("slow")]);
        assert_eq!(out.next_due(), None);
    }

    #[test]
    fn latency_delays_but_never_reorders() {
        let mut out = Outbox { now_ms: 100, latency_ms: 20, ..Outbox::default() };
        out.reply("a");
        out.latency_ms = 5;
        out.reply("b");
        assert!(out.take(119).is_empty());
        assert_eq!(out.take(120), [Frame::from("a"), Frame::from("b")]);
    }

    #[test]
    fn a_client_that_does_not_read_is_cut_off_and_memory_is_bounded() {
        let mut out = Outbox::default();
        for _ in 0..MAX_FRAMES + 10 {
            out.reply("x");
        }
        assert!(out.overflowed && out.ended());
        assert_eq!(out.take(0), [Frame::Reset]);
        out.reply("more");
        assert!(out.take(0).is_empty());
    }

    #[test]
    fn nothing_follows_a_closing_frame() {
        let mut out = Outbox::default();
        out.reply("last");
        out.close(1001, "bye");
        out.reply("never");
        assert_eq!(out.take(0), [Frame::from("last"), Frame::Close(1001, "bye")]);
    }
}
