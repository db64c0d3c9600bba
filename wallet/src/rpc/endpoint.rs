use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{RpcError, RpcUrl};

/// One node. What it serves is not known until it has told its chain id.
pub(super) struct Endpoint {
    url: RpcUrl,
    /// The chain id it told; 0, which no chain has, before.
    told: AtomicU64,
    /// Whether it was asked for its chain id.
    asked: AtomicBool,
}

/// A node that has told the right chain id. There is no other way to ask it anything or to hand it a
/// transaction than with this.
#[derive(Clone, Copy)]
pub(super) struct Checked<'e>(&'e RpcUrl);

impl Endpoint {
    pub(super) const fn new(url: RpcUrl) -> Self {
        Self { url, told: AtomicU64::new(0), asked: AtomicBool::new(false) }
    }

    /// Where it is: for its chain id, and to be shown.
    pub(super) const fn url(&self) -> &RpcUrl {
        &self.url
    }

    /// The node, if it told this chain id before.
    pub(super) fn checked(&self, chain_id: u64) -> Option<Checked<'_>> {
        (self.told.load(Ordering::Relaxed) == chain_id).then_some(Checked(&self.url))
    }

    /// Whether it was not asked yet; from now on it was.
    pub(super) fn begin(&self) -> bool {
        !self.asked.swap(true, Ordering::Relaxed)
    }

    /// Notes the chain id that it told.
    pub(super) fn tells(&self, reported: u64, expected: u64) -> Result<Checked<'_>, RpcError> {
        self.told.store(reported, Ordering::Relaxed);
        self.checked(expected).ok_or(RpcError::WrongChain { expected, reported })
    }

    /// What is wrong with it, as far as it told.
    pub(super) fn is_right_or_silent(&self, expected: u64) -> Result<(), RpcError> {
        match self.told.load(Ordering::Relaxed) {
            0 => Ok(()),
            told if told == expected => Ok(()),
            reported => Err(RpcError::WrongChain { expected, reported }),
        }
    }
}

impl Checked<'_> {
    pub(super) const fn url(&self) -> &RpcUrl {
        self.0
    }
}
