use std::collections::VecDeque;

use super::{Moment, Taken};

/// Counts in fixed windows, as an upper bound of what the venue counts.
///
/// A request is counted by the venue at some moment between sending and answer, and our idea of its
/// clock is off by up to [`Moment::error`]: so until it is answered it counts in every window, and
/// afterwards in each window that it may have fallen into.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    in_flight: u32,
    /// By ascending index.
    windows: VecDeque<Window>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    index: u64,
    /// The largest count that the venue told for certain of this window. Includes every request
    /// that came with such a count: the venue's counts do not fall within a window.
    told: u32,
    /// Ours that may have been counted here without being part of `told`.
    doubtful: u32,
    /// The largest count told in an answer that may belong to this window or to the one before.
    told_perhaps: u32,
    /// When `doubtful` or `told_perhaps` last grew: a request sent later counts after them.
    doubted_at: u64,
}

impl Window {
    fn total(&self) -> u32 {
        self.told.max(self.told_perhaps).saturating_add(self.doubtful)
    }
}

impl Calendar {
    /// Until when `units` more have no room, in milliseconds; `None` if they have.
    pub(super) fn full_until(&self, units: u32, limit: u32, len: u64, now: Moment) -> Option<u64> {
        let error = now.error_within(len);
        let (first, last) = (now.earliest(len) / len, now.latest(len) / len);
        let full = (first..=last).rev().find(|index| {
            let counted = self.find(*index).map_or(0, Window::total);
            counted.saturating_add(self.in_flight).saturating_add(units) > limit
        })?;
        Some((full.saturating_add(1)).saturating_mul(len).saturating_add(error))
    }

    pub(super) fn take(&mut self, units: u32) {
        self.in_flight = self.in_flight.saturating_add(units);
    }

    pub(super) fn give_back(&mut self, units: u32) {
        self.in_flight = self.in_flight.saturating_sub(units);
    }

    /// The request of `units` has been counted, at the latest `lingers` milliseconds from `now`;
    /// `told` is the venue's count just after. Without `taken` nobody knows since when it may have been.
    pub(super) fn counted(
        &mut self,
        units: u32,
        taken: Option<&Taken>,
        now: Moment,
        lingers: u64,
        told: Option<u32>,
        len: u64,
    ) {
        self.give_back(units);
        self.forget(now, len);
        let oldest = (now.at.as_millis() / len).saturating_sub(1);
        let last = now.latest(len).saturating_add(lingers) / len;
        let first = taken.map_or(oldest, |taken| (taken.earliest(len) / len).clamp(oldest, last));
        let certain = taken.is_some_and(|taken| taken.earliest(len) / len == last);
        for index in first..=last {
            let Some(window) = self.window(index) else { continue };
            match told {
                Some(told) if certain => {
                    window.told = window.told.max(told);
                    if taken.is_some_and(|taken| taken.at.as_millis() > window.doubted_at) {
                        (window.doubtful, window.told_perhaps) = (0, 0);
                    }
                }
                _ => {
                    window.doubtful = window.doubtful.saturating_add(units);
                    window.told_perhaps = window.told_perhaps.max(told.unwrap_or(0));
                    let noted = now.at.as_millis().saturating_add(lingers);
                    window.doubted_at = window.doubted_at.max(noted);
                }
            }
        }
    }

    /// Our idea of the venue's clock was wrong by `by` milliseconds: whatever was counted may lie in
    /// any window near.
    pub(super) fn moved(&mut self, by: i64, now: Moment, len: u64) {
        let doubtful = self.windows.iter().map(Window::total).max().unwrap_or(0);
        let end = self.windows.back().map_or(0, |last| (last.index + 1).saturating_mul(len));
        let last = (end.saturating_add_signed(by) / len).max(now.latest(len) / len);
        let first = now.earliest(len) / len;
        let window = |index| Window { index, doubtful, doubted_at: u64::MAX, ..Window::default() };
        self.windows.clear();
        self.windows.extend((first..=last).map(window));
    }

    /// The most that is counted in a window that may be the present one.
    pub(super) fn used(&self, now: Moment, len: u64) -> u32 {
        let present = now.earliest(len) / len..=now.latest(len) / len;
        let counted = |index| self.find(index).map_or(0, Window::total);
        present.map(counted).max().unwrap_or(0).saturating_add(self.in_flight)
    }

    fn find(&self, index: u64) -> Option<&Window> {
        self.windows.iter().find(|window| window.index == index)
    }

    fn window(&mut self, index: u64) -> Option<&mut Window> {
        let place = self.windows.partition_point(|window| window.index < index);
        if self.windows.get(place).is_none_or(|window| window.index != index) {
            self.windows.insert(place, Window { index, ..Window::default() });
        }
        self.windows.get_mut(place)
    }

    fn forget(&mut self, now: Moment, len: u64) {
        let oldest = (now.at.as_millis() / len).saturating_sub(1);
        while self.windows.front().is_some_and(|window| window.index < oldest) {
            self.windows.pop_front();
        }
    }
}
