use std::collections::VecDeque;

use super::Moment;

/// Into how many steps a window is divided: what bounds the memory.
const STEPS: u64 = 64;

/// Counts in every stretch of one length, as an upper bound of what the venue counts: a request
/// counts from when it is sent until one length after its answer.
#[derive(Debug, Default)]
pub(super) struct Rolling {
    in_flight: u32,
    /// What leaves the window when, in milliseconds, by ascending time.
    leaving: VecDeque<(u64, u32)>,
}

impl Rolling {
    /// Until when `units` more have no room, in milliseconds; `None` if they have.
    pub(super) fn full_until(&self, units: u32, limit: u32, len: u64, now: Moment) -> Option<u64> {
        let now = now.at.as_millis();
        let mut excess =
            self.used_at(now).saturating_add(units).checked_sub(limit).filter(|over| *over > 0)?;
        for (at, units) in self.leaving.iter().filter(|(at, _)| *at > now) {
            excess = excess.saturating_sub(*units);
            if excess == 0 {
                return Some(*at);
            }
        }
        // What is in flight leaves no earlier than one length from now.
        Some(now.saturating_add(len))
    }

    pub(super) fn take(&mut self, units: u32) {
        self.in_flight = self.in_flight.saturating_add(units);
    }

    pub(super) fn give_back(&mut self, units: u32) {
        self.in_flight = self.in_flight.saturating_sub(units);
    }

    /// The request of `units` has been counted, at the latest `lingers` milliseconds from `now`;
    /// `told` is the venue's count just after.
    pub(super) fn counted(
        &mut self,
        units: u32,
        now: Moment,
        lingers: u64,
        told: Option<u32>,
        len: u64,
    ) {
        self.give_back(units);
        self.forget(now.at.as_millis());
        // The largest of concurrent answers need not be the last: what the venue counts beyond all of
        // ours is another's.
        let ours = self.used_at(now.at.as_millis()).saturating_add(units);
        let others = told.unwrap_or(0).saturating_sub(ours);
        let last = now.at.as_millis().saturating_add(lingers);
        self.leave(units.saturating_add(others), last, len);
    }

    /// Our idea of the venue's clock was wrong by `by` milliseconds.
    pub(super) fn moved(&mut self, by: i64) {
        for (at, _) in &mut self.leaving {
            *at = at.saturating_add_signed(by);
        }
    }

    pub(super) fn used(&self, now: Moment) -> u32 {
        self.used_at(now.at.as_millis())
    }

    fn used_at(&self, now: u64) -> u32 {
        let counted = self.leaving.iter().filter(|(at, _)| *at > now).map(|(_, units)| *units);
        counted.fold(self.in_flight, u32::saturating_add)
    }

    fn leave(&mut self, units: u32, counted: u64, len: u64) {
        if units == 0 {
            return;
        }
        let step = (len / STEPS).max(1);
        // Two clocks differ by less than a thousandth in speed.
        let margin = len / 1_000 + 1;
        let at = counted.saturating_add(len).saturating_add(margin);
        let at = at.div_ceil(step).saturating_mul(step);
        let place = self.leaving.partition_point(|(other, _)| *other < at);
        match self.leaving.get_mut(place) {
            Some((other, sum)) if *other == at => *sum = sum.saturating_add(units),
            _ => self.leaving.insert(place, (at, units)),
        }
    }

    fn forget(&mut self, now: u64) {
        while self.leaving.front().is_some_and(|(at, _)| *at <= now) {
            self.leaving.pop_front();
        }
    }
}
