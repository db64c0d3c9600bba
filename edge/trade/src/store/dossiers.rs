//! What was sent for orders, held in memory until it is stored with their records: a crash loses it,
//! and no order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use hoox_router::{Dossier, LogLevel, Record, RefusedSignal, RequestId, State};

use super::ObjectStore;

/// Of how many orders that is held at most, and of how many refused signals.
const ORDERS_MAX: usize = 64;

/// What was sent, by order; and for signals that came to none.
#[derive(Debug, Default)]
pub(crate) struct Dossiers {
    orders: HashMap<(RequestId, u8), Dossier>,
    refused: Vec<Dossier>,
    dropping: bool,
}

impl Dossiers {
    /// Takes what was sent for a record's order. Before the order there is nothing: its answer belongs
    /// to the same object.
    pub(super) fn take_in(&mut self, record: &Record) {
        if matches!(record.state, State::Reserved | State::Submitting) {
            return;
        }
        if let Some(dossier) = Dossier::of(record) {
            self.keep(record.id(), dossier);
        }
    }

    /// Takes what was sent for a signal that came to no order.
    pub(super) fn take_in_refusal(&mut self, refusal: &RefusedSignal) {
        let room = ORDERS_MAX.saturating_sub(self.refused.len());
        self.refused.extend(Dossier::of_refusal(refusal).into_iter().take(room));
    }

    /// Keeps what was sent for an order.
    fn keep(&mut self, order: (RequestId, u8), dossier: Dossier) {
        let held = self.orders.len();
        match self.orders.entry(order) {
            Entry::Occupied(mut earlier) => earlier.get_mut().join(dossier),
            Entry::Vacant(entry) if held < ORDERS_MAX => drop(entry.insert(dossier)),
            Entry::Vacant(_) if self.dropping => {}
            Entry::Vacant(_) => {
                self.dropping = true;
                let text = "more requests and answers than can be stored; their records go on";
                hoox_edge::log(LogLevel::Error, None, text);
            }
        }
    }

    /// Takes everything of one order out.
    pub(crate) fn of_order(&mut self, order: (RequestId, u8)) -> Option<Dossier> {
        self.dropping = false;
        self.orders.remove(&order)
    }

    /// Takes everything of refused signals out.
    pub(crate) fn of_refusals(&mut self) -> Vec<Dossier> {
        core::mem::take(&mut self.refused)
    }

    /// Puts back what could not be stored.
    pub(crate) fn put_back(&mut self, order: Option<(RequestId, u8)>, dossier: Dossier) {
        match order {
            Some(order) => self.keep(order, dossier),
            None if self.refused.len() < ORDERS_MAX => self.refused.push(dossier),
            None => {}
        }
    }
}

impl ObjectStore {
    /// What was sent for orders and is yet to be stored.
    pub(crate) fn dossiers(&self) -> core::cell::RefMut<'_, Dossiers> {
        self.0.dossiers.borrow_mut()
    }
}
