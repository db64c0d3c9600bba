use core::time::Duration;

use alloy_primitives::{Bytes, U64, U256};
use hoox_connector::{Clock, Transport};

use crate::fees::BLOCKS;
use crate::wallet::{Submitted, Wallet, WalletError};
use crate::{
    Action, Answer, BlockTag, Call, Event, Life, Mined, PolicyError, Question, Receipt, RpcError,
    Sighting, Step, TransactionRecord, TransactionState, TransactionStore,
};

/// The most attempts of one transaction; after as many the fees are no more the reason.
const ATTEMPTS_MAX: usize = 16;

/// The widest gap that is filled. A wider one is a node's lie about the nonce, and would cost a
/// transaction each.
const GAP_MAX: u64 = 16;

/// How often a gap is tried to be filled that a node refuses to.
const FILLS_MAX: usize = 5;

impl<T: Transport, C: Clock, S: TransactionStore> Wallet<T, C, S> {
    /// The record of a transaction, as it is stored.
    ///
    /// # Errors
    /// [`WalletError::UnknownId`], [`WalletError::Foreign`], [`WalletError::Store`].
    pub async fn find(&self, id: &str) -> Result<TransactionRecord, WalletError> {
        let record = self.store.find(id).await?.ok_or(WalletError::UnknownId)?;
        if self.owns(&record) { Ok(record) } else { Err(WalletError::Foreign) }
    }

    /// Follows a transaction until it is under `confirmations` blocks, its own included, or will never
    /// be, for at most `patience`. What was lost is sent again, what waits too long is replaced; the
    /// record that is returned tells how far it came, whoever has brought it there.
    ///
    /// # Errors
    /// [`WalletError::UnknownId`], [`WalletError::Foreign`], [`WalletError::Store`]. A chain that
    /// cannot be reached is waited for.
    pub async fn settle(
        &self,
        id: &str,
        confirmations: u64,
        patience: Duration,
    ) -> Result<TransactionRecord, WalletError> {
        let mut record = self.find(id).await?;
        let clock = self.rpc.clock();
        let until = clock.monotonic().saturating_add(patience);
        let rules = self.config.life.with_confirmations(confirmations.max(1));
        let mut life = Life::resumed(&record, rules, clock.now());
        let mut event = None;
        loop {
            if life.catch_up(&record, clock.now()) {
                event = None;
            }
            let step = life.step(clock.now(), event.take());
            if *life.state() != record.state {
                self.store.set_state(id, life.state()).await?;
                // What is final already stays so.
                record = self.find(id).await?;
            }
            event = match step {
                Step::Done => return Ok(record),
                Step::Wait(_) if clock.monotonic() >= until => return Ok(record),
                Step::Wait(at) => {
                    clock.sleep(at.since(clock.now())).await;
                    None
                }
                Step::Broadcast(hash) => {
                    let attempt = record.attempts.iter().find(|attempt| attempt.hash == hash);
                    Some(Event::Broadcast(self.broadcast(&record, attempt).await))
                }
                Step::Look(_) => Some(self.look(&record).await.map_or(Event::Unseen, Event::Seen)),
                Step::LookEverywhere(_) => {
                    Some(self.look_everywhere(&record).await.map_or(Event::Unseen, Event::Seen))
                }
                Step::Underpriced => {
                    match self.add_replacement(&mut record, false).await {
                        Ok(()) => {
                            if let Some(attempt) = record.attempts.last() {
                                life.replaced(attempt.hash, clock.now());
                            }
                        }
                        Err(WalletError::Store(error)) => return Err(error.into()),
                        Err(_) => life.not_replaced(clock.now()),
                    }
                    None
                }
            };
            record = self.find(id).await?;
        }
    }

    /// Looks after every transaction that has not come to its end, once: what the chain does not know
    /// is sent again; and so is what had come to its end in blocks that are gone. For the start of a
    /// program, and every now and then.
    ///
    /// # Errors
    /// [`WalletError::Store`].
    pub async fn recover(&self) -> Result<Vec<TransactionRecord>, WalletError> {
        let mut records = Vec::new();
        // By nonce, as nodes take them best.
        for record in self.store.open(self.chain.id, self.address()).await? {
            let confirmations = self.config.life.confirmations;
            records.push(self.settle(&record.id, confirmations, Duration::ZERO).await?);
        }
        // A chain that cannot be asked is asked next time.
        if let Ok(next) = self.next_nonce().await {
            self.send_again(next).await?;
        }
        Ok(records)
    }

    /// The number of the account's transactions in blocks.
    async fn next_nonce(&self) -> Result<u64, RpcError> {
        let count = Question::transaction_count(self.address(), BlockTag::Latest);
        Ok(self.rpc.ask::<U64>(count).await?.to())
    }

    /// Sends again, from `nonce` on, what was in blocks that the chain has dropped: the same bytes, as
    /// no nonce may be left out and none be used for something else. Returns how many.
    async fn send_again(&self, nonce: u64) -> Result<u64, WalletError> {
        for number in 0..GAP_MAX {
            let at = nonce.saturating_add(number);
            let record = self.store.with_nonce(self.chain.id, self.address(), at).await?;
            let Some(record) = record.filter(|record| record.state.is_mined()) else {
                return Ok(number);
            };
            let hash = record.hash();
            let mined = record.attempts.iter().find(|attempt| Some(attempt.hash) == hash);
            self.broadcast(&record, mined).await;
        }
        Ok(GAP_MAX)
    }

    /// Signs the transaction again with higher fees and the same nonce, and sends it. At most one of
    /// both is executed.
    ///
    /// # Errors
    /// [`WalletError::Final`]; [`WalletError::Fee`] if it would have to pay more than is allowed;
    /// [`PolicyError::DryRun`].
    pub async fn replace(&self, id: &str) -> Result<TransactionRecord, WalletError> {
        self.replace_with(id, false).await
    }

    /// Replaces the transaction by one that does nothing. Whether that came in time, its record
    /// tells once it is in a block ([`TransactionRecord::is_cancelled`]).
    ///
    /// # Errors
    /// As [`replace`](Self::replace).
    pub async fn cancel(&self, id: &str) -> Result<TransactionRecord, WalletError> {
        self.replace_with(id, true).await
    }

    async fn replace_with(
        &self,
        id: &str,
        cancels: bool,
    ) -> Result<TransactionRecord, WalletError> {
        let mut record = self.find(id).await?;
        if record.state.is_final() || record.state.is_mined() {
            return Err(WalletError::Final);
        }
        self.add_replacement(&mut record, cancels).await?;
        // Whatever the node answers: the attempt is stored, and followed with the others.
        self.broadcast(&record, record.attempts.last()).await;
        Ok(record)
    }

    /// Fills each nonce that is missing before one that is sent, so that those behind it can be executed:
    /// with what was signed for it, if its block is gone, or else with a transaction that does nothing;
    /// unless more than 16 in a row are missing, which no lost transaction leaves. Returns how many were
    /// missing.
    ///
    /// # Errors
    /// [`WalletError`].
    pub async fn fill_gaps(&self) -> Result<usize, WalletError> {
        let own = self.address();
        let mut filled = 0;
        loop {
            let open = self.store.open(self.chain.id, own).await?;
            let next = self.next_nonce().await?;
            let mut nonces: Vec<u64> = open.iter().map(|record| record.nonce).collect();
            nonces.sort_unstable();
            let mut missing = None;
            let mut expected = next;
            for nonce in nonces.into_iter().filter(|nonce| *nonce >= next) {
                if nonce > expected {
                    missing = Some((expected, nonce - expected));
                    break;
                }
                expected = nonce.saturating_add(1);
            }
            let Some((missing, _)) = missing.filter(|(_, width)| *width <= GAP_MAX) else {
                return Ok(filled);
            };
            let again = self.send_again(missing).await?;
            if again > 0 {
                return Ok(filled + usize::try_from(again).unwrap_or(usize::MAX));
            }
            let Some(id) = self.fill_id(missing).await? else { return Ok(filled) };
            let action = Action::Send { to: own, value: U256::ZERO, data: Bytes::new() };
            match self.execute(&id, &action, nothing(own), None).await? {
                Submitted::Record(record)
                    if record.nonce == missing && !record.state.is_final() =>
                {
                    filled += 1;
                }
                _ => return Ok(filled),
            }
        }
    }

    /// The id of the next transaction that fills the gap at `nonce`, unless enough were refused.
    async fn fill_id(&self, nonce: u64) -> Result<Option<String>, WalletError> {
        for attempt in 0..FILLS_MAX {
            let id = format!("gap:{}:{}:{nonce}:{attempt}", self.chain.id, self.address());
            if self.store.find(&id).await?.is_none_or(|record| !record.state.is_final()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Signs a replacement and stores it, before it is sent.
    async fn add_replacement(
        &self,
        record: &mut TransactionRecord,
        cancels: bool,
    ) -> Result<(), WalletError> {
        if self.config.policy.dry_run {
            return Err(PolicyError::DryRun.into());
        }
        let last = record.attempts.last().ok_or(WalletError::Final)?;
        if record.attempts.len() >= ATTEMPTS_MAX {
            return Err(WalletError::Final);
        }
        // As before the first signature: this process may not have signed that.
        self.rpc.check_all().await?;
        let history = self.rpc.ask_all(&[Question::fee_history(BLOCKS)]).await?;
        let history = history.first().ok_or(RpcError::Unreadable("no answer"))?;
        let fees = self.config.fees.bumped(last.fees, &self.market(history).await?)?;
        // What was cancelled stays cancelled.
        let cancels = cancels || last.cancels;
        let (call, gas_limit) = if cancels {
            let call = nothing(record.from);
            let question = Question::estimate_gas(record.from, call.to, call.value, &call.data);
            let estimate: u64 = self.rpc.ask::<U64>(question).await?.to();
            (call, self.config.fees.gas_limit(estimate, None)?)
        } else {
            (record.call.clone(), last.gas_limit)
        };
        self.config.fees.check(gas_limit, fees)?;
        let attempt = self.attempt(&call, record.nonce, gas_limit, fees, cancels)?;
        self.store.add_attempt(&record.id, &attempt).await?;
        record.attempts.push(attempt);
        Ok(())
    }

    /// What one node shows of a transaction, in one round trip.
    async fn look(&self, record: &TransactionRecord) -> Result<Sighting, RpcError> {
        sighting(record, &self.rpc.ask_all(&what_to_look_for(record)).await?)
    }

    /// What no node contradicts. One that lies or is late can delay a verdict, and not bring it about.
    async fn look_everywhere(&self, record: &TransactionRecord) -> Result<Sighting, RpcError> {
        let answers = self.rpc.ask_each(&what_to_look_for(record)).await;
        let seen = answers.into_iter().filter_map(|it| sighting(record, &it.ok()?).ok());
        let seen: Vec<Sighting> = seen.collect();
        if seen.len() < self.rpc.endpoints().min(2) {
            return Err(RpcError::NoAnswer("too few nodes answer".into()));
        }
        let merged = seen.into_iter().reduce(|one, other| Sighting {
            mined: one.mined.or(other.mined),
            known: one.known || other.known,
            nonce: one.nonce.min(other.nonce),
            head: one.head.min(other.head),
        });
        merged.ok_or(RpcError::NoEndpoint)
    }

    /// Whether a transaction has done what it should; none while that is open.
    pub fn has_succeeded(record: &TransactionRecord) -> Option<bool> {
        match &record.state {
            TransactionState::Confirmed(mined) => Some(mined.succeeded && !record.is_cancelled()),
            state => state.is_final().then_some(false),
        }
    }
}

fn nothing(own: alloy_primitives::Address) -> Call {
    Call { to: Some(own), value: U256::ZERO, data: Bytes::new() }
}

fn what_to_look_for(record: &TransactionRecord) -> Vec<Question> {
    let count = Question::transaction_count(record.from, BlockTag::Latest);
    let mut questions = vec![Question::block_number(), count];
    for attempt in &record.attempts {
        questions.push(Question::receipt(attempt.hash));
        questions.push(Question::transaction(attempt.hash));
    }
    questions
}

fn sighting(record: &TransactionRecord, answers: &[Answer]) -> Result<Sighting, RpcError> {
    let mut answers = answers.iter();
    let mut next = || answers.next().ok_or(RpcError::Unreadable("no answer"));
    let mut sighting = Sighting {
        head: next()?.read::<U64>()?.to(),
        nonce: next()?.read::<U64>()?.to(),
        ..Sighting::default()
    };
    for attempt in &record.attempts {
        let receipt: Option<Receipt> = next()?.read()?;
        if let Some(receipt) = receipt.filter(|it| it.transaction_hash == attempt.hash) {
            sighting.mined = Some(Mined::from(&receipt));
        }
        let known: Option<serde::de::IgnoredAny> = next()?.read()?;
        sighting.known |= known.is_some();
    }
    Ok(sighting)
}
