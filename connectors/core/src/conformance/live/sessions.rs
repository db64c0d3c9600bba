//! The sockets of a dialect (feature `websocket`), against a venue that answers.

use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use crate::conformance::Verdict;
use crate::socket::{
    AccountConfig, AccountEvent, AccountFeed, Delivery, EntryClient, EntryConfig, EntryState,
    FeedEvent, MarketConfig, MarketEvent, MarketFeed, Subscriber,
};
use crate::stream::{BookUpdate, Level};
use crate::{
    Channel, Client, ClientOrderId, Clock, ExchangeProvider, Market, OrderClass, OrderEntry,
    OrderStatus, Outcome, Side, StreamProvider, Topic, Transport,
};

use super::stage::{At, Stage};
use super::{Step, Stop, ensure, failed, verdict};

/// How long a case may take.
const CASE_MAX: Duration = Duration::from_secs(60);

/// How often the book is compared, and how often it may be missed in between.
const COMPARISONS: u32 = 3;
const MISSES_MAX: u32 = 100;

/// How many levels of each side are compared.
const LEVELS: usize = 20;

/// Best prices and trades come, and the book that is kept equals the one over REST.
pub async fn market_data<P, T, C>(client: Arc<Client<P, T, C>>, clock: &C, stage: &Stage) -> Verdict
where
    P: ExchangeProvider + StreamProvider,
    T: Transport,
    C: Clock,
{
    let (feed, driver) = MarketFeed::new(client.clone(), MarketConfig::default());
    let at = At { client: &*client, clock, stage };
    case(driver.run(), async {
        let mut events = feed.events();
        let symbol = Some(at.symbol());
        feed.subscribe(
            &[Channel::BookTop, Channel::Trades, Channel::Depth]
                .map(|channel| Topic { channel, symbol }),
        );
        let (mut top, mut trade, mut book) = (false, false, false);
        while !(top && trade && book) {
            match next(&mut events).await? {
                MarketEvent::BookTop(it) => {
                    ensure(it.symbol == at.symbol(), || format!("prices of {}", it.symbol))?;
                    ensure(it.bid_price < it.ask_price, || format!("crossed: {it:?}"))?;
                    top = true;
                }
                MarketEvent::Trade(it) => {
                    ensure(it.symbol == at.symbol(), || format!("a trade of {}", it.symbol))?;
                    trade = true;
                }
                MarketEvent::BookChanged { .. } => book = true,
                MarketEvent::Refused { code, message } => {
                    return Err(Stop::Failed(format!("refused ({code}): {message}")));
                }
                _ => {}
            }
        }
        let (mut equal, mut missed, mut last) = (0, 0, 0);
        while equal < COMPARISONS {
            let read = client.depth(at.symbol(), 100).await.map_err(failed("depth"))?;
            if read.last_id > last && same_book(&feed, &mut events, &read).await? {
                (equal, last) = (equal + 1, read.last_id);
            } else {
                at.pause().await;
                missed += 1;
                ensure(missed < MISSES_MAX, || "the numbers never meet".into())?;
            }
        }
        Ok(())
    })
    .await
}

/// Whether the book that is kept passes the number of the one that was read; if so, they are equal.
async fn same_book(
    feed: &MarketFeed,
    events: &mut Subscriber<MarketEvent>,
    read: &BookUpdate,
) -> Step<bool> {
    loop {
        let kept = feed.book(read.symbol, |book| {
            let (bids, asks): (Vec<Level>, Vec<Level>) =
                (book.bids().take(LEVELS).collect(), book.asks().take(LEVELS).collect());
            (book.last_id(), bids, asks)
        });
        let Some((number, bids, asks)) = kept else {
            return Err(Stop::Failed("the book is not kept".into()));
        };
        if number == read.last_id {
            for (kept, read) in [(bids, &read.bids), (asks, &read.asks)] {
                let same = kept.iter().zip(read).all(|(kept, read)| kept == read);
                let both = kept.len().min(LEVELS) == read.len().min(LEVELS);
                ensure(same && both, || format!("at {number}: kept {kept:?}, read {read:?}"))?;
            }
            return Ok(true);
        }
        if number > read.last_id {
            return Ok(false);
        }
        next(events).await?;
    }
}

/// The account's feed tells of orders, fills, balances and positions.
pub async fn account<P, T, C>(client: Arc<Client<P, T, C>>, clock: &C, stage: &Stage) -> Verdict
where
    P: ExchangeProvider + StreamProvider,
    T: Transport,
    C: Clock,
{
    let at = At { client: &*client, clock, stage };
    let config = AccountConfig { symbols: vec![at.symbol()], ..AccountConfig::default() };
    let (feed, driver) = AccountFeed::new(client.clone(), config);
    case(driver.run(), async {
        let mut events = feed.events();
        until(&mut events, |event| *event == AccountEvent::Resynced).await?;
        let resting = at.place(&at.limit_at(Side::Buy, 80).await?).await?;
        until(&mut events, |event| is_order(event, resting, OrderStatus::New)).await?;
        at.cancel(resting, OrderClass::Plain).await?;
        until(&mut events, |event| is_order(event, resting, OrderStatus::Canceled)).await?;
        let filling = at.place(&at.market_order(Side::Buy).await?).await?;
        let linear = client.provider().market() == Market::Linear;
        let (mut order, mut fill, mut balance, mut position) = (false, false, false, !linear);
        until(&mut events, |event| {
            match event {
                AccountEvent::Fill(it) => fill |= it.symbol == at.symbol(),
                AccountEvent::Balance(_) => balance = true,
                AccountEvent::Position(it) => position |= !it.size.is_zero(),
                _ => order |= is_order(event, filling, OrderStatus::Filled),
            }
            order && fill && balance && position
        })
        .await?;
        at.place(&at.market_order(Side::Sell).await?).await?;
        Ok(())
    })
    .await
}

/// Orders over the socket are placed, found and cancelled, and rejections are told as such.
pub async fn order_entry<P, T, C>(client: Arc<Client<P, T, C>>, clock: &C, stage: &Stage) -> Verdict
where
    P: ExchangeProvider + OrderEntry,
    T: Transport,
    C: Clock,
{
    let at = At { client: &*client, clock, stage };
    let config = EntryConfig { rest_fallback: false, ..EntryConfig::default() };
    let (entry, driver) = EntryClient::new(client.clone(), config);
    case(driver.run(), async {
        let state = entry.settled().await;
        ensure(state == EntryState::Ready, || format!("{state:?}"))?;
        let order = at.limit_at(Side::Buy, 80).await?;
        let id = order.client_order_id.ok_or_else(|| Stop::Failed("no id".into()))?;
        let outcome = entry.place(&at.prepare(&order)?).await;
        ensure(is_taken(&outcome), || format!("placed: {outcome:?}"))?;
        at.find_once(id, |report| report.status == OrderStatus::New).await?;
        let outcome = entry.cancel(at.symbol(), id, OrderClass::Plain).await;
        ensure(is_taken(&outcome), || format!("cancelled: {outcome:?}"))?;
        at.find_once(id, |report| report.status == OrderStatus::Canceled).await?;
        let outcome = entry.cancel(at.symbol(), id, OrderClass::Plain).await;
        ensure(outcome.is_err(), || format!("cancelled again: {outcome:?}"))?;
        for side in [Side::Buy, Side::Sell] {
            let order = at.market_order(side).await?;
            let outcome = entry.place(&at.prepare(&order)?).await;
            ensure(is_taken(&outcome), || format!("{side}: {outcome:?}"))?;
            let id = order.client_order_id.ok_or_else(|| Stop::Failed("no id".into()))?;
            at.find_once(id, |report| report.status == OrderStatus::Filled).await?;
        }
        Ok(())
    })
    .await
}

fn is_taken(outcome: &Result<Outcome, crate::Refused>) -> bool {
    matches!(outcome, Ok(Outcome::Acknowledged(_) | Outcome::Accepted(_)))
}

fn is_order(event: &AccountEvent, id: ClientOrderId, status: OrderStatus) -> bool {
    let AccountEvent::Order(it) = event else { return false };
    it.client_order_id == Some(id) && it.status == status
}

async fn until(
    events: &mut Subscriber<AccountEvent>,
    mut there: impl FnMut(&AccountEvent) -> bool,
) -> Step {
    loop {
        let event = next(events).await?;
        if let AccountEvent::Stopped(refusal) = &event {
            return Err(Stop::Failed(refusal.to_string()));
        }
        if there(&event) {
            return Ok(());
        }
    }
}

async fn next<E: FeedEvent>(events: &mut Subscriber<E>) -> Step<E> {
    match events.next().await {
        Some(Delivery::Event(event)) => Ok(event),
        Some(Delivery::Lagged { lost }) => Err(Stop::Failed(format!("lost: {lost}"))),
        None => Err(Stop::Failed("the feed has ended".into())),
    }
}

/// A case beside the driver it needs.
async fn case(driver: impl Future<Output = ()>, step: impl Future<Output = Step>) -> Verdict {
    let step = async {
        tokio::select! {
            stopped = step => stopped,
            () = driver => Err(Stop::Failed("the driver has ended".into())),
        }
    };
    match tokio::time::timeout(CASE_MAX, verdict(step)).await {
        Ok(verdict) => verdict,
        Err(_) => Verdict::Failed(vec!["what is to come does not come".into()]),
    }
}
