//! What must hold when everything has come to rest: store, venue, positions and answers agree.

use std::collections::BTreeMap;

use hoox_connector::{Decimal, PositionSide, Side, Venue};
use hoox_router::{ChoiceReason, Execution, ExecutionStatus, Record, State, holdings};
use hoox_venue::{OrderState, State as VenueState};

use crate::plan::{Trading, VENUES};
use crate::world::{Heard, World, at_venue};

/// Checks a run that has come to its end; `rested` says whether everything had.
pub(crate) fn check(world: &World, rested: bool) {
    if !rested {
        let open: Vec<_> = records(world).into_iter().filter(|it| !it.state.is_final()).collect();
        let busy = world.busy.get();
        world.violated("every signal ends in a recorded outcome", || {
            let open: Vec<_> = open.iter().map(|it| (it.id(), it.state.as_str())).collect();
            format!("at the end {busy} are on their way, and open are {open:?}, or queued")
        });
        return;
    }
    let records = records(world);
    failovers(world, &records);
    for venue in VENUES {
        let state = {
            let now = world.venue_now_ms(venue);
            world.exchange.borrow_mut().state_of(at_venue(venue), now, usize::MAX)
        };
        orders_agree(world, venue, &records, &state);
        positions_agree(world, venue, &records, &state);
    }
    for heard in world.answers.borrow().iter() {
        answer_agrees(world, heard, &records);
    }
}

fn failovers(world: &World, records: &[Record]) {
    let elsewhere = |it: &&Record| {
        it.state == State::Acknowledged && it.choice.reason == ChoiceReason::Failover
    };
    let count = records.iter().filter(elsewhere).count() as u64;
    world.count(|counts| counts.failovers += count);
}

fn records(world: &World) -> Vec<Record> {
    let process = world.process.borrow();
    process.as_ref().map(|process| process.store().records()).unwrap_or_default()
}

/// Each order that lives or has filled has exactly one acknowledged record, in the same words; and
/// each acknowledged record has its order.
fn orders_agree(world: &World, venue: Venue, records: &[Record], state: &VenueState) {
    const AGREE: &str = "ledger and venue agree";
    let orders: Vec<_> = state.accounts.iter().flat_map(|account| &account.orders).collect();
    let acknowledged =
        |record: &&Record| record.state == State::Acknowledged && record.intent.venue == venue;
    for order in orders.iter().filter(|order| counts(order)) {
        let of_order: Vec<_> = records
            .iter()
            .filter(acknowledged)
            .filter(|record| record.intent.client_order_id.as_str() == order.client_id)
            .collect();
        let told = match of_order.as_slice() {
            [record] => record.execution.as_ref().filter(|it| same(it, order)).is_some(),
            _ => false,
        };
        if !told {
            world.violated(AGREE, || {
                let told: Vec<_> = of_order.iter().map(|it| (it.id(), &it.execution)).collect();
                let (id, status) = (&order.client_id, order.status);
                format!("{venue} has {id} {status:?} {}, the ledger {told:?}", order.executed)
            });
        }
    }
    for record in records.iter().filter(acknowledged) {
        let id = record.intent.client_order_id;
        let mut of_record = orders.iter().filter(|order| order.client_id == id.as_str());
        if !of_record.any(|order| record.execution.as_ref().is_some_and(|it| same(it, order))) {
            world.violated(AGREE, || {
                format!("the ledger has {id} {:?}, {venue} does not", record.execution)
            });
        }
    }
}

fn counts(order: &OrderState) -> bool {
    order.status.is_open() || !order.executed.is_zero()
}

fn same(execution: &Execution, order: &OrderState) -> bool {
    let ended = execution.status == ExecutionStatus::Ended;
    execution.filled_quantity == order.executed && ended != counts(order)
}

/// What the records add up to is what the venue holds.
fn positions_agree(world: &World, venue: Venue, records: &[Record], state: &VenueState) {
    let mut ours: BTreeMap<Held, Decimal> = BTreeMap::new();
    for symbol in crate::plan::SYMBOLS {
        let of_symbol = records.iter().filter(|record| {
            record.intent.venue == venue && record.intent.symbol.as_str() == symbol
        });
        // The router's own sum, and ours beside it.
        let (mut held, mut net) = (BTreeMap::new(), BTreeMap::new());
        for holding in holdings(of_symbol.clone()) {
            let long = holding.side == PositionSide::Long;
            let side = match world.plan.trading(venue) {
                Trading::Hedge => Some(long),
                _ => None,
            };
            let sign = if long { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
            *held.entry((symbol, side)).or_insert(Decimal::ZERO) += sign * holding.size;
        }
        for record in of_symbol {
            let filled = record.execution.as_ref().map(|it| it.filled_quantity).unwrap_or_default();
            let order = &record.intent.order;
            let side = order.position_side.map(|side| side == PositionSide::Long);
            *net.entry((symbol, side)).or_insert(Decimal::ZERO) += match order.side {
                Side::Buy => filled,
                Side::Sell => -filled,
            };
        }
        for sums in [&mut held, &mut net] {
            sums.retain(|_, sum| !sum.is_zero());
        }
        if held != net {
            let text = || format!("{venue} {symbol}: {held:?}, not {net:?}");
            world.violated("the ledger adds up", text);
        }
        ours.extend(net.into_iter().map(|(held, sum)| (held, sum.normalize())));
    }
    let theirs: BTreeMap<Held, Decimal> = match world.plan.trading(venue) {
        Trading::Spot => bought(world, state),
        _ => {
            let positions = state.accounts.iter().flat_map(|account| &account.positions);
            let side = |side| match side {
                hoox_venue::PositionSide::Both => None,
                side => Some(side == hoox_venue::PositionSide::Long),
            };
            positions
                .map(|it| ((symbol(it.symbol), side(it.side)), it.amount.normalize()))
                .filter(|(_, amount)| !amount.is_zero())
                .collect()
        }
    };
    if ours != theirs {
        world.violated("ledger and positions agree", || {
            format!("{venue}: by the ledger {ours:?}, by the venue {theirs:?}")
        });
    }
}

/// A symbol, and in hedge mode whether it is the long position.
type Held = (&'static str, Option<bool>);

/// What the account holds on spot beyond what it held at the beginning.
fn bought(world: &World, state: &VenueState) -> BTreeMap<Held, Decimal> {
    let mut bought = BTreeMap::new();
    for symbol in crate::plan::SYMBOLS {
        let asset = symbol.trim_end_matches("USDT");
        let held = state.accounts.iter().filter_map(|account| account.spot.get(asset));
        let held: Decimal = held.map(|balance| balance.free + balance.locked).sum();
        let more = held - world.opening.get(asset).copied().unwrap_or_default();
        if !more.is_zero() {
            bought.insert((symbol, None), more.normalize());
        }
    }
    bought
}

/// The neutral name of a simulated instrument.
fn symbol(name: &'static str) -> &'static str {
    let known = |symbol: &&&str| symbol.bytes().eq(name.bytes().filter(|byte| *byte != b'_'));
    crate::plan::SYMBOLS.iter().find(known).copied().unwrap_or(name)
}

/// What a sender heard is what the store says for ever.
fn answer_agrees(world: &World, heard: &Heard, records: &[Record]) {
    let of_request: Vec<_> =
        records.iter().filter(|record| record.request_id == heard.request_id).collect();
    let is = |state| move |record: &&Record| record.state == state;
    let ended = |record: &&Record| {
        record.execution.as_ref().is_some_and(|it| it.status == ExecutionStatus::Ended)
    };
    if heard.status == 202 {
        return queued_ends(world, heard, of_request.len());
    }
    let agrees = match (heard.status, heard.code) {
        (409, _) | (_, Some("QUEUE_UNAVAILABLE")) => true,
        (200, _) => !of_request.is_empty() && of_request.iter().all(is(State::Acknowledged)),
        // Whatever it was in the end, it was found out.
        (_, Some("EXCHANGE_TIMEOUT")) => !of_request.is_empty(),
        _ => {
            // Of a close of both sides, one order may be whose intent could not be stored.
            let planned = of_request.first().map_or(0, |it| it.legs.count_ones());
            let unstored = usize::try_from(planned).is_ok_and(|legs| legs > of_request.len());
            of_request.iter().any(|it| is(State::Rejected)(it) || ended(it))
                || of_request.is_empty()
                || (unstored && heard.code == Some("IDEMPOTENCY_UNAVAILABLE"))
        }
    };
    if !agrees {
        world.violated("an answer is as good as the record", || {
            let records: Vec<_> = of_request
                .iter()
                .map(|it| (it.leg, it.state.as_str(), it.refusal.as_ref(), it.execution.as_ref()))
                .collect();
            format!("{heard:?}, but {records:?}")
        });
    }
}

/// A signal that was taken into the queue has a record, a row that says why there is none, or is kept
/// as a dead letter.
fn queued_ends(world: &World, heard: &Heard, records: usize) {
    let process = world.process.borrow();
    let told = process.as_ref().is_some_and(|process| {
        process.store().is_refused(heard.request_id) || process.queue().is_dead(heard.request_id)
    });
    if records == 0 && !told {
        world.violated("every signal ends in a recorded outcome", || {
            format!("{} was taken into the queue, and nothing tells its end", heard.request_id)
        });
    }
}
