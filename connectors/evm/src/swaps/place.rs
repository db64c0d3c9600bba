//! Placing: from a prepared order to a swap that is signed, stored and sent.

use hoox_connector::{
    Accepted, Clock, NotSent, OrderClass, Outcome, PreparedOrder, Refused, RejectReason, Transport,
    Unknown, UnknownCause,
};
use hoox_wallet::{Action, Submitted, TransactionState, TransactionStore, WalletError};

use super::Swaps;
use crate::order;
use crate::refused::{refused, rejected};
use crate::report::order_id;

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
