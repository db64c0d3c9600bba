//! Placing: from a prepared order to a swap that is signed, stored and sent.

use core::time::Duration;

use hoox_connector::{
    Accepted, Clock, NotSent, OrderClass, Outcome, PreparedOrder, Refused, RejectReason, Throttle,
    ThrottleKind, Transport, Unknown, UnknownCause,
};
use hoox_wallet::{
    Action, Address, Submitted, SwapRequest, SwapSize, TransactionRecord, TransactionState,
    TransactionStore, WalletError,
};

use super::Swaps;
use crate::listed::Listed;
use crate::order;
use crate::refused::{refused, rejected};
use crate::report::order_id;

/// How long a swap that pays with the same token is waited for.
const TURN_WAIT: Duration = Duration::from_secs(60);

impl<T: Transport, C: Clock, S: TransactionStore> Swaps<T, C, S> {
    /// Swaps, once for each client order id.
    pub(super) async fn swap(&self, prepared: &PreparedOrder) -> Result<Outcome, Refused> {
        let new = prepared.order();
        let Some(id) = new.client_order_id else {
            return Err(Refused::NotSent(NotSent::NoClientOrderId));
        };
        let unknown = |cause: UnknownCause| {
            let final_after = self.clock().now();
            let (symbol, class) = (new.symbol, OrderClass::Plain);
            Outcome::Unknown(Unknown { cause, symbol, client_order_id: id, class, final_after })
        };
        let listed = self.listed(new.symbol).await.map_err(as_refused)?;
        let listed = listed.ok_or_else(|| {
            rejected(RejectReason::UnknownSymbol, "no pair of this account has the symbol")
        })?;
        let name = self.name(id);
        let known = self.wallet.store().find(&name).await;
        // Nothing was signed; whatever came before is as it was.
        let known =
            known.map_err(|error| Refused::NotSent(NotSent::Connection(error.to_string())))?;
        if known.is_some() {
            let message = "an order of this id was signed before";
            return Err(rejected(RejectReason::DuplicateClientOrderId, message));
        }
        let deadline = self.clock().now().after(self.rules.deadline).as_millis() / 1000;
        let request = order::swap(new, &listed, self.rules.slippage_bps, deadline);
        let request = request.map_err(Refused::NotSent)?;
        // Coins need no permission, so nothing has to wait for its turn.
        let _turn = if request.token_in.is_zero() { None } else { Some(self.turn.lock().await) };
        if !request.token_in.is_zero() {
            self.wait_for_turn(request.token_in).await?;
            self.check_funds(&request, &listed).await?;
        }
        let action = Action::Swap(request);
        match self.wallet.submit(&name, &action, self.rules.gas_limit).await {
            Ok(Submitted::Record(record)) => match &record.state {
                TransactionState::Refused { reason } => Err(rejected(RejectReason::Other, reason)),
                // Signed and stored; whether a node has it is not known.
                TransactionState::Signed => {
                    Ok(unknown(UnknownCause::Transport("no node has confirmed the swap".into())))
                }
                _ => Ok(Outcome::Accepted(Accepted {
                    order_id: record.hash().and_then(order_id),
                    client_order_id: Some(id),
                    at: Some(self.clock().now()),
                })),
            },
            Ok(Submitted::DryRun(_)) => {
                let message = "the wallet's policy is to sign nothing";
                Err(rejected(RejectReason::Permission, message))
            }
            // Perhaps after the signature.
            Err(WalletError::Store(error)) => {
                Ok(unknown(UnknownCause::Transport(error.to_string())))
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Waits until no other swap is under way that pays with this token.
    async fn wait_for_turn(&self, token: Address) -> Result<(), Refused> {
        let own = self.wallet.address();
        let open = self.wallet.store().open(self.wallet.chain().id, own).await;
        let open = open.map_err(|error| refused(error.into()))?;
        for record in open.iter().filter(|record| spends(record, token)) {
            let confirmations = self.wallet.config().life.confirmations;
            let settled = self.wallet.settle(&record.id, confirmations, TURN_WAIT).await;
            let state = settled.map_err(refused)?.state;
            if !state.is_mined() && !state.is_final() {
                return Err(Refused::Throttled(Throttle::new(ThrottleKind::OrderRate)));
            }
        }
        Ok(())
    }

    /// Whether the account has what the swap pays: before anything is approved for it.
    async fn check_funds(&self, request: &SwapRequest, listed: &Listed) -> Result<(), Refused> {
        let token = request.token_in;
        let needed = match request.size {
            SwapSize::ExactIn { input, .. } => input,
            SwapSize::ExactOut { output, .. } => {
                let quote =
                    self.wallet.quote_out(Some(listed.router), token, request.token_out, output);
                quote.await.map_err(refused)?
            }
        };
        let held = self.wallet.balance(self.wallet.address(), Some(token)).await;
        let held = held.map_err(refused)?.amount;
        if held < needed {
            let message = format!("the account has {held} of {token}, the swap needs {needed}");
            return Err(rejected(RejectReason::InsufficientBalance, &message));
        }
        Ok(())
    }
}

/// The wallet's name for the approval before a transaction.
pub(super) fn approval(name: &str) -> String {
    format!("{name}:approve")
}

/// Whether a transaction pays with `token`, or changes what may be paid.
fn spends(record: &TransactionRecord, token: Address) -> bool {
    match &record.action {
        Action::Swap(request) => request.token_in == token,
        Action::Approve { token: approved, .. } => *approved == token,
        Action::Transfer { token: sent, .. } => *sent == token,
        _ => false,
    }
}

/// A question before the order: whatever is not known, there is no order.
fn as_refused(error: hoox_connector::Error) -> Refused {
    use hoox_connector::Error;
    match error {
        Error::NotSent(cause) => Refused::NotSent(cause),
        Error::Rejected(rejection) => Refused::Rejected(rejection),
        Error::Throttled(throttle) => Refused::Throttled(throttle),
        error => Refused::NotSent(NotSent::Connection(error.to_string())),
    }
}
