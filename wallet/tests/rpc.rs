//! Several nodes, and what they may do wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Mutex;

use hoox_connector::{Request, Response, SystemClock, Transport, TransportError};
use hoox_wallet::{B256, Bytes, Question, Rpc, RpcError, RpcUrl, U64};
use serde_json::{Value, json};

const ONE: &str = "https://one.example/v3/key-of-one";
const TWO: &str = "https://two.example/v3/key-of-two";

/// What a node does with what it is asked, its chain id aside.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// Answers every question with this.
    Answer(&'static str),
    /// Answers every question with an error of this code.
    Fail(i64),
    /// Answers with more than anybody reads.
    Flood,
    /// Answers with a proxy's page.
    Page(u16),
    /// Answers for another chain.
    OtherChain,
    /// Answers nothing, not even its chain id.
    Dead,
    /// Never gets it.
    NotSent,
    /// May have got it.
    MaybeSent,
}

/// Two nodes, and every method that each was asked.
struct Nodes {
    does: [Does; 2],
    asked: Mutex<Vec<(usize, String)>>,
}

impl Nodes {
    fn new(one: Does, two: Does) -> Self {
        Self { does: [one, two], asked: Mutex::default() }
    }

    fn rpc(&self) -> Rpc<&Self, SystemClock> {
        let urls = [ONE, TWO].map(|url| RpcUrl::parse(url).unwrap());
        Rpc::new(self, SystemClock, 1, urls.to_vec()).with_rounds(1)
    }

    /// How often each was asked for its chain id.
    fn chain_ids(&self) -> [usize; 2] {
        let asked = self.asked.lock().unwrap();
        let of = |number| move |it: &&(usize, String)| it.0 == number && it.1 == "eth_chainId";
        [0, 1].map(|number| asked.iter().filter(of(number)).count())
    }

    /// What node `number` was asked, its chain id aside.
    fn asked(&self, number: usize) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let own = asked.iter().filter(|(node, method)| *node == number && method != "eth_chainId");
        own.map(|(_, method)| method.clone()).collect()
    }
}

impl Transport for Nodes {
    async fn send(&self, base_url: &str, request: Request<'_>) -> Result<Response, TransportError> {
        let number = [ONE, TWO].iter().position(|url| *url == base_url).unwrap();
        let body: Value = serde_json::from_str(request.body()).unwrap();
        let asked = match &body {
            Value::Array(asked) => asked.clone(),
            one => vec![one.clone()],
        };
        let methods = asked.iter().map(|it| (number, it["method"].as_str().unwrap().to_owned()));
        self.asked.lock().unwrap().extend(methods);
        let does = self.does[number];
        if matches!(does, Does::Dead) {
            return Err(TransportError::NotSent("test".into()));
        }
        let answers = asked.iter().map(|question| match (question["method"].as_str(), does) {
            (Some("eth_chainId"), Does::OtherChain) => {
                json!({"id": question["id"], "result": "0x2"})
            }
            (Some("eth_chainId"), _) => json!({"id": question["id"], "result": "0x1"}),
            (_, Does::Fail(code)) => {
                json!({"id": question["id"], "error": {"code": code, "message": "no"}})
            }
            (_, Does::Answer(result)) => json!({"id": question["id"], "result": result}),
            _ => json!({"id": question["id"], "result": "0x0"}),
        });
        let answers: Vec<Value> = answers.collect();
        let answer = if body.is_array() { json!(answers) } else { answers[0].clone() };
        if asked[0]["method"] == "eth_chainId" {
            return Ok(Response::new(200, answer.to_string()));
        }
        match does {
            Does::NotSent => Err(TransportError::NotSent("test".into())),
            Does::MaybeSent => Err(TransportError::MaybeSent("test".into())),
            Does::Flood => Ok(Response::new(200, " ".repeat(9 * 1024 * 1024))),
            Does::Page(status) => Ok(Response::new(status, "<html>busy</html>")),
            _ => Ok(Response::new(200, answer.to_string())),
        }
    }
}

async fn read(nodes: &Nodes) -> Result<U64, RpcError> {
    nodes.rpc().ask(Question::block_number()).await
}

async fn broadcast(nodes: &Nodes) -> Result<B256, RpcError> {
    nodes.rpc().broadcast(&Bytes::from_static(&[2])).await
}

#[tokio::test]
async fn what_one_node_does_not_answer_another_does() {
    for does in [
        Does::NotSent,
        Does::MaybeSent,
        Does::Flood,
        Does::Page(200),
        Does::Page(502),
        Does::OtherChain,
        // Internal error, resource unavailable, limit exceeded (EIP-1474, "Error codes").
        Does::Fail(-32603),
        Does::Fail(-32002),
        Does::Fail(-32005),
    ] {
        let nodes = Nodes::new(does, Does::Answer("0x7"));
        assert_eq!(read(&nodes).await, Ok(U64::from(7)), "{does:?}");
        assert_eq!(nodes.asked(1), ["eth_blockNumber"], "{does:?}");
    }
}

#[tokio::test]
async fn what_the_chain_answers_is_asked_of_one_node_alone() {
    let nodes = Nodes::new(Does::Fail(3), Does::Answer("0x7"));
    assert!(matches!(read(&nodes).await, Err(RpcError::Node(error)) if error.code == 3));
    assert!(nodes.asked(1).is_empty());
}

#[tokio::test]
async fn an_answer_of_another_kind_is_none() {
    let nodes = Nodes::new(Does::Answer("seven"), Does::NotSent);
    assert!(matches!(read(&nodes).await, Err(RpcError::Unreadable(_))));
}

#[tokio::test]
async fn where_no_node_answers_the_graver_reason_is_told_without_a_key() {
    for (one, two, graver) in [
        (Does::Flood, Does::Flood, "too long"),
        (Does::OtherChain, Does::NotSent, "serves chain 2, not 1"),
        (Does::NotSent, Does::OtherChain, "serves chain 2, not 1"),
        (Does::Page(502), Does::Page(503), "HTTP status 503"),
    ] {
        let nodes = Nodes::new(one, two);
        let error = read(&nodes).await.unwrap_err();
        assert!(error.to_string().contains(graver), "{error}");
        for text in [error.to_string(), format!("{error:?}"), format!("{:?}", nodes.rpc())] {
            assert!(!text.contains("key-of"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_transaction_that_may_have_left_is_handed_to_nobody_else() {
    for does in [Does::MaybeSent, Does::Flood, Does::Page(502)] {
        let nodes = Nodes::new(does, Does::Answer("0x7"));
        let error = broadcast(&nodes).await.unwrap_err();
        assert!(matches!(error, RpcError::NoAnswer(_) | RpcError::Unreadable(_)), "{error}");
        assert_eq!(nodes.asked(0), ["eth_sendRawTransaction"], "{does:?}");
        assert!(nodes.asked(1).is_empty(), "{does:?}");
    }
}

#[tokio::test]
async fn a_transaction_that_did_not_leave_is_handed_to_the_next_node() {
    let hash = "0x0707070707070707070707070707070707070707070707070707070707070707";
    for (does, tried) in [(Does::NotSent, 1), (Does::OtherChain, 0)] {
        let nodes = Nodes::new(does, Does::Answer(hash));
        assert_eq!(broadcast(&nodes).await, Ok(B256::repeat_byte(7)), "{does:?}");
        assert_eq!(nodes.asked(0).len(), tried, "{does:?}");
    }
    // One of another chain gets nothing to execute, whoever else there is.
    let nodes = Nodes::new(Does::OtherChain, Does::OtherChain);
    let error = RpcError::WrongChain { expected: 1, reported: 2 };
    assert_eq!(broadcast(&nodes).await, Err(error.clone()));
    assert!(nodes.asked(0).is_empty() && nodes.asked(1).is_empty());
}

#[tokio::test]
async fn every_node_is_asked_for_its_chain_and_a_silent_one_waits_for_its_first_use() {
    let error = RpcError::WrongChain { expected: 1, reported: 2 };
    for (one, two) in
        [(Does::OtherChain, Does::Answer("0x7")), (Does::Answer("0x7"), Does::OtherChain)]
    {
        let rpc_of = Nodes::new(one, two);
        let rpc = rpc_of.rpc();
        // What is known stays known.
        for _ in 0..2 {
            assert_eq!(rpc.check_all().await, Err(error.clone()));
        }
    }
    let nodes = Nodes::new(Does::Answer("0x7"), Does::Dead);
    let rpc = nodes.rpc();
    assert_eq!(rpc.check_all().await, Ok(()));
    assert_eq!(rpc.check_all().await, Ok(()));
    assert_eq!(nodes.chain_ids(), [1, 1]);
}

#[tokio::test]
async fn after_a_silence_another_node_is_asked_first() {
    let hash = "0x0707070707070707070707070707070707070707070707070707070707070707";
    let nodes = Nodes::new(Does::MaybeSent, Does::Answer(hash));
    let rpc = nodes.rpc();
    let bytes = Bytes::from_static(&[2]);
    assert!(matches!(rpc.broadcast(&bytes).await, Err(RpcError::NoAnswer(_))));
    assert_eq!(rpc.broadcast(&bytes).await, Ok(B256::repeat_byte(7)));
    assert_eq!((nodes.asked(0).len(), nodes.asked(1).len()), (1, 1));
    // Who answers stays the first, of a clone as well.
    let read: Result<B256, _> = rpc.clone().ask(Question::block_number()).await;
    assert!(read.is_ok());
    assert_eq!((nodes.asked(0).len(), nodes.asked(1).len()), (1, 2));
    // And the other way about, where the second is the silent one.
    let nodes = Nodes::new(Does::Answer("0x7"), Does::MaybeSent);
    let rpc = nodes.rpc();
    for _ in 0..2 {
        assert_eq!(rpc.ask(Question::block_number()).await, Ok(U64::from(7)));
    }
    assert!(nodes.asked(1).is_empty());
}

#[tokio::test]
async fn a_batch_is_one_request_and_too_long_a_one_is_none() {
    let nodes = Nodes::new(Does::Answer("0x7"), Does::NotSent);
    let questions = vec![Question::block_number(); 100];
    assert_eq!(nodes.rpc().ask_all(&questions).await.unwrap().len(), 100);
    let questions = vec![Question::block_number(); 101];
    let error = nodes.rpc().ask_all(&questions).await.unwrap_err();
    assert_eq!(error, RpcError::BatchTooLong);
    assert_eq!(nodes.asked(0).len(), 100);
}
