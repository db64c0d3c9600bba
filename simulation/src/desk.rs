//! An account as the program has it: the router's desk, and beside it the socket for orders.

use std::rc::Rc;
use std::sync::Arc;

use hoox_connector::{Client, Outcome, Patience, PreparedOrder, Refused, Throttle, ThrottleKind};
use hoox_router::{Desk, OrderPath};

use crate::dialect::Dialect;
use crate::entry::Entry;
use crate::mutation::Mutation;
use crate::network::SimTransport;
use crate::process::SimClock;
use crate::world::World;

pub(crate) type SimClient = Client<Dialect, SimTransport, SimClock>;

/// One account.
pub(crate) type SimDesk = Desk<Dialect, SimTransport, SimClock, SimPath>;

/// The way an account's orders take.
pub(crate) struct SimPath {
    pub(crate) world: Rc<World>,
    /// Where they go over WebSocket.
    pub(crate) entry: Option<Rc<Entry>>,
}

impl OrderPath<Dialect, SimTransport, SimClock> for SimPath {
    async fn place(
        &self,
        client: &Arc<SimClient>,
        order: &PreparedOrder,
    ) -> Option<Result<Outcome, Refused>> {
        let placed = match &self.entry {
            Some(entry) => entry.place(order).await,
            None => None,
        };
        if self.world.mutation != Some(Mutation::FailoverOnUnknown) {
            return placed;
        }
        let placed = match placed {
            Some(placed) => placed,
            None => client.place_with(order, Patience::Refuse).await,
        };
        Some(match placed {
            Ok(Outcome::Unknown(_)) if self.world.fails_over() => {
                Err(Refused::Throttled(Throttle::new(ThrottleKind::Overloaded)))
            }
            placed => placed,
        })
    }
}
