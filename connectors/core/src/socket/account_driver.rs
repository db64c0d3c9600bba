//! What holds the account's socket open, reads what was missed, and makes one feed of both.

use core::fmt;
use core::future::poll_fn;
use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::{Fuse, FusedFuture, FutureExt};
use tokio::sync::Notify;

use super::account::{AccountConfig, AccountEvent};
use super::driven::{ACCOUNT, Driven, Occurrence};
use super::feed::Teller;
use super::random;
use super::resync::{Account, read_account, read_ended};
use crate::session::{AccountMerge, Backoff, ConnectionId, Known, Refusal};
use crate::{
    Client, Clock, Error, Event, ExchangeProvider, Operation, OrderReport, RejectReason, Reply,
    Socket, StreamProvider, Symbol, Timestamp, Transport,
};

/// After which part of its life a listen key is extended: it lives an hour (Binance futures "User
/// Data Streams"; MEXC spot "Listen Key").
const EXTEND_AFTER: Duration = Duration::from_secs(30 * 60);

/// How soon a failed extension is tried again: often enough within the other half of its life.
const EXTEND_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How far the fills that are read reach back before the moment from which they may be missing: that
/// moment is by our idea of the venue's clock.
const OVERLAP: Duration = Duration::from_secs(2);

/// After how many failed reads in a row a refusal is final: the first may have been the clock's fault.
const REFUSALS_MAX: u32 = 2;

/// Does the work of an [`AccountFeed`](super::AccountFeed).
pub struct AccountDriver<P, T, C> {
    pub(super) client: Arc<Client<P, T, C>>,
    pub(super) config: AccountConfig,
    pub(super) events: Teller<AccountEvent>,
    pub(super) ended: Arc<Notify>,
}

impl<P, T, C> fmt::Debug for AccountDriver<P, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountDriver").finish_non_exhaustive()
    }
}

impl<P: ExchangeProvider + StreamProvider, T: Transport, C: Clock> AccountDriver<P, T, C> {
    /// Runs until the last handle of the feed is dropped, or the venue does not let us in.
    pub async fn run(self) {
        let Self { client, config, events, ended: no_handle } = &self;
        let provider = client.provider();
        let mut driven = Driven::new(provider, Socket::Private, config.session);
        driven.subscribe(provider, &[ACCOUNT]);
        let mut work = Work {
            events,
            merge: AccountMerge::default(),
            failures: 0,
            whole: false,
            since: client.venue_now(),
        };
        // A dead connection is noticed this late.
        let unnoticed = provider.keep_alive(Socket::Private).silence_max + OVERLAP;
        // What happened right before a connection was ready is not in what is read at once: replies may
        // be behind the stream, so everything is read twice.
        let visible_after = provider.capabilities().visibility_delay;
        let mut late = false;
        let mut key: Option<Box<str>> = None;
        let mut dialing: Option<ConnectionId> = None;
        // Whatever is asked of the venue, one at a time of each kind.
        let mut create = std::pin::pin!(Fuse::terminated());
        let mut extend = std::pin::pin!(Fuse::terminated());
        let mut read = std::pin::pin!(Fuse::terminated());
        let mut ended = std::pin::pin!(Fuse::terminated());
        let mut set_clock = std::pin::pin!(Fuse::terminated());
        let venue_now = || client.venue_now();
        loop {
            let mut begin_read = None;
            tokio::select! {
                () = no_handle.notified() => return,
                occurred = poll_fn(|cx| driven.poll(cx, provider, &venue_now)) => match occurred {
                    Occurrence::Connect(id) if client.is_banned() => driven.cannot_dial(id, None),
                    Occurrence::Connect(id) if !provider.needs_listen_key() => {
                        driven.dial(id, provider.socket_url(Socket::Private, None));
                    }
                    Occurrence::Connect(id) => match &key {
                        Some(key) => {
                            driven.dial(id, provider.socket_url(Socket::Private, Some(key)));
                        }
                        None => {
                            dialing = Some(id);
                            create.set(create_key(client).fuse());
                        }
                    },
                    Occurrence::Event { event, current } => {
                        if event == Event::Reconnect {
                            // It may be the key that has expired.
                            key = None;
                        }
                        if work.merge.admit(&event, current) {
                            work.tell(event);
                        }
                    }
                    Occurrence::Ready { gap } => {
                        if gap {
                            work.events.tell(AccountEvent::Connected);
                        }
                        work.doubt(client.venue_now(), unnoticed);
                        late = false;
                        begin_read = Some(Duration::ZERO);
                    }
                    Occurrence::Lost => {
                        read.set(Fuse::terminated());
                        ended.set(Fuse::terminated());
                        work.merge.end_read();
                        work.doubt(client.venue_now(), unnoticed);
                        work.events.tell(AccountEvent::Disconnected);
                    }
                    Occurrence::Deaf => {}
                    // Perhaps for a key that is valid no longer.
                    Occurrence::NotOpened => key = None,
                    Occurrence::Refused => set_clock.set(client.sync_clock().fuse()),
                    Occurrence::Throttled(throttle) => client.throttled(&throttle),
                    Occurrence::Stopped(refusal) => return work.stop(refusal),
                },
                created = &mut create, if !create.is_terminated() => {
                    let Some(id) = dialing.take() else { continue };
                    match created {
                        Ok(created) => {
                            let url = provider.socket_url(Socket::Private, Some(&created));
                            extend.set(extend_key(client, created.clone(), EXTEND_AFTER).fuse());
                            key = Some(created);
                            driven.dial(id, url);
                        }
                        Err(error) => driven.cannot_dial(id, refusal_of(&error)),
                    }
                }
                (extended, result) = &mut extend, if !extend.is_terminated() => {
                    let valid = key.as_ref() == Some(&extended);
                    match result {
                        _ if !valid => {}
                        Ok(_) => extend.set(extend_key(client, extended, EXTEND_AFTER).fuse()),
                        Err(Error::Rejected(_)) => {
                            key = None;
                            driven.replace();
                        }
                        Err(_) => {
                            extend.set(extend_key(client, extended, EXTEND_AGAIN_AFTER).fuse());
                        }
                    }
                }
                account = &mut read, if !read.is_terminated() => match account {
                    Ok(account) => {
                        let gone = work.told(account);
                        ended.set(read_gone(client, gone).fuse());
                    }
                    Err(error) => match work.failed(&error) {
                        Ok(wait) => begin_read = Some(wait),
                        Err(refusal) => return work.stop(refusal),
                    },
                },
                reports = &mut ended, if !ended.is_terminated() => match reports {
                    Ok(reports) => {
                        work.ended(reports, late);
                        if !late {
                            late = true;
                            begin_read = Some(visible_after);
                        }
                    }
                    Err(error) => match work.failed(&error) {
                        Ok(wait) => begin_read = Some(wait),
                        Err(refusal) => return work.stop(refusal),
                    },
                },
                _ = &mut set_clock, if !set_clock.is_terminated() => {}
            }
            if let Some(wait) = begin_read {
                work.merge.begin_read();
                ended.set(Fuse::terminated());
                let mut symbols = work.merge.symbols();
                symbols.extend(&config.symbols);
                read.set(read_after(client, symbols, work.since, wait).fuse());
            }
        }
    }
}

struct Work<'a> {
    events: &'a Teller<AccountEvent>,
    merge: AccountMerge,
    failures: u32,
    /// Whether everything up to now is known, as long as the connection holds.
    whole: bool,
    /// From when fills and orders may be missing, by the venue's clock.
    since: Timestamp,
}

impl Work<'_> {
    /// From `unnoticed` before `now` on something may have been missed. What was missed earlier, and
    /// is not read yet, stays so.
    fn doubt(&mut self, now: Timestamp, unnoticed: Duration) {
        if self.whole {
            let unnoticed = u64::try_from(unnoticed.as_millis()).unwrap_or(u64::MAX);
            self.since = Timestamp::from_millis(now.as_millis().saturating_sub(unnoticed));
        }
        self.whole = false;
    }

    fn tell(&self, event: Event) {
        self.events.tell(match event {
            Event::Order(order) => AccountEvent::Order(order),
            Event::Fill(fill) => AccountEvent::Fill(fill),
            Event::Position(position) => AccountEvent::Position(position),
            Event::Balance(balance) => AccountEvent::Balance(balance),
            _ => return,
        });
    }

    fn tell_read(&mut self, event: Event) {
        if self.merge.admit_read(&event) {
            self.tell(event);
        }
    }

    /// Tells what was read. Orders that ended meanwhile have to be read one by one.
    fn told(&mut self, account: Account) -> Vec<Known> {
        let Account { fills, open_orders, past_orders, positions, balances } = account;
        let mut gone = self.merge.no_longer_open(&open_orders);
        let closed = self.merge.no_longer_held(&positions);
        let spent = self.merge.no_longer_owned(&balances);
        fills.into_iter().for_each(|it| self.tell_read(Event::Fill(it)));
        open_orders.into_iter().for_each(|it| self.tell_read(Event::Order(it)));
        // Read after the open ones, so that they say no less.
        for order in past_orders {
            if !order.status.is_open() {
                gone.retain(|it| (it.symbol, it.order_id) != (order.symbol, order.order_id));
            }
            self.tell_read(Event::Order(order));
        }
        positions.into_iter().chain(closed).for_each(|it| self.tell_read(Event::Position(it)));
        balances.into_iter().chain(spent).for_each(|it| self.tell_read(Event::Balance(it)));
        gone
    }

    /// The account was read: for the first time since the connection is ready, or the `late` one.
    fn ended(&mut self, reports: Vec<OrderReport>, late: bool) {
        reports.into_iter().for_each(|it| self.tell_read(Event::Order(it)));
        self.merge.end_read();
        self.failures = 0;
        self.whole = late;
        if !late {
            self.events.tell(AccountEvent::Resynced);
        }
    }

    /// How long to wait until the account is read again, unless the venue keeps saying that it is not
    /// ours to read: there are streams that open for a key alone, whatever its secret.
    fn failed(&mut self, error: &Error) -> Result<Duration, Refusal> {
        tracing::warn!(%error, "account cannot be read");
        self.failures = self.failures.saturating_add(1);
        match refusal_of(error).filter(|_| self.failures >= REFUSALS_MAX) {
            Some(refusal) => Err(refusal),
            None => Ok(Backoff::default().wait(self.failures, random())),
        }
    }

    fn stop(&self, refusal: Refusal) {
        tracing::error!(%refusal, "account feed stopped");
        self.events.tell(AccountEvent::Stopped(Arc::new(refusal)));
    }
}

async fn create_key<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
) -> Result<Box<str>, Error> {
    match client.call(&Operation::CreateListenKey).await? {
        Reply::ListenKey(key) => Ok(key),
        _ => Err(Error::NotSent(crate::NotSent::Connection("no listen key in the reply".into()))),
    }
}

async fn extend_key<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    key: Box<str>,
    after: Duration,
) -> (Box<str>, Result<Reply, Error>) {
    tokio::time::sleep(after).await;
    let extended = client.call(&Operation::ExtendListenKey { key: &key }).await;
    (key, extended)
}

async fn read_after<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    symbols: HashSet<Symbol>,
    since: Timestamp,
    wait: Duration,
) -> Result<Account, Error> {
    tokio::time::sleep(wait).await;
    read_account(client, &symbols, since).await
}

async fn read_gone<P: ExchangeProvider, T: Transport, C: Clock>(
    client: &Client<P, T, C>,
    gone: Vec<Known>,
) -> Result<Vec<OrderReport>, Error> {
    read_ended(client, &gone).await
}

/// Whether an error means that the key will not do, rather than that it did not now.
fn refusal_of(error: &Error) -> Option<Refusal> {
    use RejectReason::{BadKey, BadSignature, Clock, Permission};
    match error {
        Error::Rejected(it) if matches!(it.reason, BadKey | BadSignature | Permission | Clock) => {
            Some(Refusal { code: it.code, message: it.message.clone() })
        }
        _ => None,
    }
}
