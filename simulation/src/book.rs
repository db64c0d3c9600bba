//! What really happened to each order, which nobody inside knows: the place that sees every request
//! leave and everything the venues do.

use std::collections::{BTreeMap, BTreeSet};

use hoox_connector::{ClientOrderId, Venue};

use crate::executor::{Micros, SECOND};
use crate::plan::PlannedSignal;

/// How long a changed setting may take to hold (design, "Routing and configuration").
const CONFIG_AGE_MAX: Micros = SECOND;

/// Every order, by client order id.
#[derive(Default)]
pub(crate) struct Book {
    /// The ids of all signals, and whether each only closes.
    known: BTreeMap<ClientOrderId, Known>,
    /// Intents that the disk may still lose, by where they end in the log.
    written: Vec<(usize, ClientOrderId)>,
    durable: BTreeSet<ClientOrderId>,
    /// Since when the kill switch is on.
    pub(crate) killed_since: Option<Micros>,
}

#[derive(Default)]
struct Known {
    closes: bool,
    /// Requests that left with this id.
    sent: usize,
    /// Orders that live or have filled.
    orders: Vec<(Venue, u64)>,
}

/// An invariant that does not hold, and why.
pub(crate) type Broken = (&'static str, String);

/// An order as a venue has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) venue: Venue,
    pub(crate) order_id: u64,
    /// Open, or filled at least in part.
    pub(crate) counts: bool,
}

impl Book {
    pub(crate) fn new(signals: &[PlannedSignal]) -> Self {
        let mut book = Self::default();
        for planned in signals {
            for id in planned.ids.iter().flatten() {
                let closes = planned.signal.as_ref().is_some_and(|signal| signal.action.closes());
                book.know(*id, closes);
            }
        }
        book
    }

    /// Orders with this id belong to a signal, which only closes or does not.
    pub(crate) fn know(&mut self, id: ClientOrderId, closes: bool) {
        self.known.entry(id).or_default().closes = closes;
    }

    /// A record with this id will be safe once the disk is synced up to `end`.
    pub(crate) fn written(&mut self, end: usize, id: ClientOrderId) {
        if !self.durable.contains(&id) {
            self.written.push((end, id));
        }
    }

    /// The disk is synced up to `end`.
    pub(crate) fn synced(&mut self, end: usize) {
        let Self { written, durable, .. } = self;
        written.retain(|(at, id)| {
            let safe = *at <= end;
            if safe {
                durable.insert(*id);
            }
            !safe
        });
    }

    /// What was not synced is gone, unless [`durable`](Self::durable) says otherwise.
    pub(crate) fn crashed(&mut self) {
        self.written.clear();
    }

    /// A record with this id is safe.
    pub(crate) fn durable(&mut self, id: ClientOrderId) {
        self.durable.insert(id);
    }

    /// The first byte of a request for an order leaves; returns which attempt it is.
    pub(crate) fn leaves(&mut self, id: ClientOrderId, now: Micros) -> Result<usize, Broken> {
        let durable = self.durable.contains(&id);
        let Some(known) = self.known.get_mut(&id) else {
            return Err(("every order carries the id of its signal", format!("{id} is sent")));
        };
        if !durable {
            return Err(("an order leaves only when its intent is durable", id.to_string()));
        }
        let killed = self.killed_since.filter(|since| now.saturating_sub(*since) > CONFIG_AGE_MAX);
        if !known.closes
            && let Some(since) = killed
        {
            let text = format!("{id} is sent, the switch is on since {} µs", now - since);
            return Err(("nothing is opened while the kill switch is on", text));
        }
        if let Some((venue, order)) = known.orders.first() {
            let text = format!("{id} is sent, {venue} has it as {order}");
            return Err(("an order is sent again only when there certainly is none", text));
        }
        known.sent += 1;
        Ok(known.sent)
    }

    /// A venue has executed the nth attempt at an order.
    pub(crate) fn arrives(
        &mut self,
        id: ClientOrderId,
        attempt: usize,
        seen: Seen,
    ) -> Result<(), Broken> {
        let Some(known) = self.known.get_mut(&id) else {
            return Err(("every order carries the id of its signal", format!("{seen:?}: {id}")));
        };
        if !seen.counts {
            return Ok(());
        }
        known.orders.push((seen.venue, seen.order_id));
        if known.orders.len() > 1 {
            let text = format!("{id}: {:?}", known.orders);
            return Err(("at most one order for each idempotency key", text));
        }
        if attempt < known.sent {
            let text = format!("{id}: attempt {attempt} arrives when {} were sent", known.sent);
            return Err(("an order is sent again only when no earlier request can arrive", text));
        }
        Ok(())
    }
}
