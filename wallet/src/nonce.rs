//! Which nonce comes next, and when no answer of a node is good enough to tell.

use std::collections::BTreeSet;

use thiserror::Error;

/// What nodes say of an account's next nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NonceReport {
    /// The next nonce, as the node that was asked has it with what waits in its pool.
    pub reported: u64,
    /// The next nonce in the word of all nodes, where they were asked for it. Needed where the store's
    /// own records do not lead to it: for the account's first, or behind others' transactions.
    pub agreed: Option<Result<u64, NonceError>>,
    /// Whether others may use the account's key, so that nonces are used that are not in the store.
    pub shared_key: bool,
}

/// Why no nonce can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NonceError {
    /// The node counts transactions that this wallet did not make: somebody else uses the key, or the
    /// node lies. With such a nonce a transaction could wait for ever.
    #[error(
        "the node says that nonce {reported} is next, but this wallet signed none after {last}"
    )]
    Jump {
        /// The last nonce that the wallet used.
        last: u64,
        /// The node's.
        reported: u64,
    },
    /// The store has nothing that leads to the nonce, and too few nodes have told it: two of them
    /// must, where two are configured.
    #[error("too few nodes have told the account's next nonce")]
    Unconfirmed,
    /// The nodes count differently. The highest may be a lie, with which a transaction would wait for
    /// ever; the lowest may be late.
    #[error("one node says that nonce {lowest} is next, another one says {highest}")]
    Disagreement {
        /// The lowest that a node tells.
        lowest: u64,
        /// The highest.
        highest: u64,
    },
    /// Transactions of the account wait in a node's pool that this wallet did not sign, though nobody
    /// else should have its key.
    #[error("transactions {mined} to before {pending} wait in a pool, and this wallet signed none")]
    OthersPending {
        /// How many transactions of the account are in blocks.
        mined: u64,
        /// How many there are with those in the pool.
        pending: u64,
    },
    /// All nonces are used.
    #[error("the account has no nonce left")]
    Exhausted,
}

/// The nonce of the next transaction: the first from the one that nodes report on that is not `taken`.
/// So a gap that a refused transaction has left is filled first, and none is made: what does not
/// follow the records is believed only if all nodes agree on it.
///
/// `taken` are the nonces of the account's records, the refused ones aside; `mined` is the highest
/// among them that is in a block, below which none is free whatever a node says.
///
/// # Errors
/// [`NonceError`]; [`NonceError::Unconfirmed`] if all nodes should be asked, and were not.
pub fn choose_nonce(
    taken: &BTreeSet<u64>,
    mined: Option<u64>,
    report: &NonceReport,
) -> Result<u64, NonceError> {
    let NonceReport { reported, agreed, shared_key } = *report;
    let next = match taken.last() {
        Some(&last) if reported <= last.saturating_add(1) => reported,
        Some(&last) if !shared_key => return Err(NonceError::Jump { last, reported }),
        _ => agreed.unwrap_or(Err(NonceError::Unconfirmed))?,
    };
    let after_mined = match mined {
        Some(mined) => mined.checked_add(1).ok_or(NonceError::Exhausted)?,
        None => 0,
    };
    let mut nonce = next.max(after_mined);
    for used in taken.range(nonce..) {
        if *used > nonce {
            break;
        }
        nonce = used.checked_add(1).ok_or(NonceError::Exhausted)?;
    }
    Ok(nonce)
}

/// The next nonce that nodes agree on, from what each counts: transactions in blocks, and those with
/// what waits in its pool.
///
/// A node may be late or lie, so all that answered must say the same. What all of them, or the only
/// one, say together cannot be found out to be false: a nonce that is too far ahead then leaves its
/// transaction waiting, while later ones, which the store counts, take the nonces before it.
pub(crate) fn agreed_nonce(
    counts: &[(u64, u64)],
    nodes: usize,
    shared_key: bool,
) -> Result<u64, NonceError> {
    if counts.is_empty() || counts.len() < nodes.min(2) {
        return Err(NonceError::Unconfirmed);
    }
    let same = |all: &mut dyn Iterator<Item = u64>| {
        let (lowest, highest) = all.fold((u64::MAX, 0), |(lowest, highest): (u64, u64), count| {
            (lowest.min(count), highest.max(count))
        });
        let differ = NonceError::Disagreement { lowest, highest };
        if lowest == highest { Ok(lowest) } else { Err(differ) }
    };
    let mined = same(&mut counts.iter().map(|(mined, _)| *mined))?;
    let pending = same(&mut counts.iter().map(|(_, pending)| *pending))?;
    match pending == mined || (shared_key && pending > mined) {
        true => Ok(pending),
        false => Err(NonceError::OthersPending { mined, pending }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(reported: u64) -> NonceReport {
        NonceReport { reported, agreed: None, shared_key: false }
    }

    fn choose(taken: &[u64], reported: u64) -> Result<u64, NonceError> {
        choose_nonce(&taken.iter().copied().collect(), None, &report(reported))
    }

    #[test]
    fn nonces_follow_each_other() {
        assert_eq!(choose(&[0, 1, 2], 0), Ok(3));
        assert_eq!(choose(&[0, 1, 2], 3), Ok(3));
    }

    #[test]
    fn the_first_one_is_what_all_nodes_agree_on() {
        assert_eq!(choose(&[], 7), Err(NonceError::Unconfirmed));
        let first = |agreed| {
            choose_nonce(&BTreeSet::new(), None, &NonceReport { agreed: Some(agreed), ..report(7) })
        };
        assert_eq!(first(Ok(5)), Ok(5));
        let error = NonceError::Disagreement { lowest: 5, highest: 7 };
        assert_eq!(first(Err(error)), Err(error));
        // Somebody else was first: his record leads to the next, whatever was asked before.
        let late = NonceReport { agreed: Some(Err(error)), ..report(0) };
        assert_eq!(choose_nonce(&BTreeSet::from([0]), None, &late), Ok(1));
    }

    #[test]
    fn nodes_agree_if_they_all_say_the_same() {
        assert_eq!(agreed_nonce(&[(4, 4), (4, 4)], 2, false), Ok(4));
        assert_eq!(agreed_nonce(&[(4, 4), (4, 4)], 3, false), Ok(4));
        assert_eq!(agreed_nonce(&[(4, 4)], 1, false), Ok(4));
        for (counts, nodes) in [(&[][..], 1), (&[(4, 4)][..], 2), (&[(4, 4)][..], 3)] {
            assert_eq!(agreed_nonce(counts, nodes, false), Err(NonceError::Unconfirmed));
        }
        let error = Err(NonceError::Disagreement { lowest: 4, highest: 9 });
        assert_eq!(agreed_nonce(&[(4, 4), (9, 9)], 2, false), error);
        assert_eq!(agreed_nonce(&[(4, 4), (4, 4), (4, 9)], 3, true), error);
    }

    #[test]
    fn what_waits_in_a_pool_is_another_ones_and_needs_a_shared_key() {
        let error = Err(NonceError::OthersPending { mined: 4, pending: 6 });
        assert_eq!(agreed_nonce(&[(4, 6)], 1, false), error);
        assert_eq!(agreed_nonce(&[(4, 6)], 1, true), Ok(6));
        let fewer = Err(NonceError::OthersPending { mined: 4, pending: 3 });
        assert_eq!(agreed_nonce(&[(4, 3)], 1, true), fewer);
    }

    #[test]
    fn a_gap_is_filled_first() {
        assert_eq!(choose(&[5, 7, 8], 5), Ok(6));
        assert_eq!(choose(&[5, 7, 8], 6), Ok(6));
    }

    #[test]
    fn a_node_that_is_behind_costs_no_nonce_twice() {
        assert_eq!(choose(&[0, 1, 2, 3, 4, 5, 6, 7], 2), Ok(8));
        assert_eq!(choose_nonce(&BTreeSet::from([5, 6, 7]), Some(6), &report(2)), Ok(8));
    }

    #[test]
    fn a_node_that_is_ahead_is_not_believed() {
        let error = NonceError::Jump { last: 7, reported: 9 };
        assert_eq!(choose(&[5, 6, 7], 9), Err(error));
        let shared = NonceReport { shared_key: true, ..report(9) };
        let taken = BTreeSet::from([7]);
        assert_eq!(choose_nonce(&taken, None, &shared), Err(NonceError::Unconfirmed));
        let agreed = NonceReport { agreed: Some(Ok(9)), ..shared };
        assert_eq!(choose_nonce(&taken, None, &agreed), Ok(9));
        assert_eq!(choose(&[u64::MAX], u64::MAX), Err(NonceError::Exhausted));
    }
}
