//! A network that fails when it is told to.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;
use std::sync::Mutex;

use hoox_connector::{Request, ReqwestTransport, Response, Transport, TransportError};
use serde_json::{Value, json};

/// What happens to the next request that has the method in it.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// It never leaves, and that is known.
    NotSent,
    /// It never arrives, and that is not known.
    LostRequest,
    /// It arrives, and the answer is lost.
    LostReply,
    /// It never arrives, and the answer is an error.
    Refuse(&'static str),
    /// The result is another.
    Lie(Value),
}

#[derive(Debug)]
pub(crate) struct Faulty {
    inner: ReqwestTransport,
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    later: Mutex<Option<(&'static str, &'static str, Fault)>>,
    broadcasts: AtomicUsize,
}

impl Faulty {
    /// One that a wallet and its test share, until the test's process ends.
    pub(crate) fn leaked() -> &'static Self {
        let inner = ReqwestTransport::new().unwrap();
        let it = Self {
            inner,
            faults: Mutex::default(),
            later: Mutex::default(),
            broadcasts: AtomicUsize::new(0),
        };
        Box::leak(Box::new(it))
    }

    /// Lets the next request that asks `method` fail; several are taken one after the other.
    pub(crate) fn fail(&self, method: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push_back((method, fault));
    }

    /// The same, from when something was asked for the first time.
    pub(crate) fn fail_after(&self, seen: &'static str, method: &'static str, fault: Fault) {
        *self.later.lock().unwrap() = Some((seen, method, fault));
    }

    /// How many transactions have been handed to the network.
    pub(crate) fn broadcasts(&self) -> usize {
        self.broadcasts.load(Ordering::SeqCst)
    }
}

impl Transport for Faulty {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        let body = request.body();
        {
            let mut later = self.later.lock().unwrap();
            if later.as_ref().is_some_and(|(seen, ..)| body.contains(seen))
                && let Some((_, method, fault)) = later.take()
            {
                self.fail(method, fault);
            }
        }
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let hit = faults.iter().position(|(method, _)| body.contains(method));
            hit.and_then(|hit| faults.remove(hit))
        };
        if body.contains("eth_sendRawTransaction") {
            self.broadcasts.fetch_add(1, Ordering::SeqCst);
        }
        match fault {
            None => self.inner.send(base_url, request).await,
            Some((_, Fault::NotSent)) => Err(TransportError::NotSent("test".into())),
            Some((_, Fault::LostRequest)) => Err(TransportError::MaybeSent("test".into())),
            Some((_, Fault::LostReply)) => {
                self.inner.send(base_url, request).await?;
                Err(TransportError::MaybeSent("test".into()))
            }
            Some((_, Fault::Refuse(message))) => {
                let asked: Value = serde_json::from_str(body).unwrap();
                let error = json!({"code": -32000, "message": message});
                let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "error": error});
                Ok(Response::new(200, answer.to_string()))
            }
            Some((method, Fault::Lie(lie))) => {
                let asked: Value = serde_json::from_str(body).unwrap();
                let mut response = self.inner.send(base_url, request).await?;
                let mut answer: Value = serde_json::from_slice(&response.body).unwrap();
                match (asked, &mut answer) {
                    (Value::Array(asked), Value::Array(answers)) => {
                        for question in asked.iter().filter(|it| it["method"] == method) {
                            for answer in answers.iter_mut().filter(|it| it["id"] == question["id"])
                            {
                                answer["result"] = lie.clone();
                            }
                        }
                    }
                    (_, answer) => answer["result"] = lie,
                }
                response.body = serde_json::to_vec(&answer).unwrap();
                Ok(response)
            }
        }
    }
}
