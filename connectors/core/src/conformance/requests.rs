//! What holds for every request: the signature, the buffer, names of any characters, permits.

use crate::{
    ClientOrderId, EncodeError, NewOrder, Operation, OrderClass, OrderRef, PreparedOrder, Request,
    RequestBuf, Side, Symbol,
};

use super::check::Check;
use super::operations::refs;
use super::{Access, NOW};

/// Changes each character of the query, the body and the headers in turn, and leaves out each header:
/// the venue must refuse every one of these requests, or anyone in between could change an order.
pub(super) fn signature(check: &mut Check<'_>) {
    let order = check.limit(Side::Buy);
    let Some(prepared) = check.prepare(&order) else { return };
    let symbol = check.symbol();
    let [_, by_client_id] = refs(check);
    let class = OrderClass::Plain;
    for op in [
        Operation::Place(&prepared),
        Operation::Cancel { symbol, order: by_client_id, class },
        Operation::Order { symbol, order: by_client_id, class },
        Operation::Balances,
    ] {
        if !check.supports(op.kind()) {
            continue;
        }
        let mut buf = RequestBuf::new();
        let Ok(request) = check.provider().encode(&op, NOW, &mut buf) else {
            check.fail(format!("{} cannot be encoded", op.kind().as_str()));
            continue;
        };
        let copy = Parts::of(request);
        let label = op.kind().as_str();
        check.claim(taken(check, &copy), || format!("{label}: the request is not taken as signed"));
        for (what, changed) in copy.changed() {
            let refused = !taken(check, &changed);
            check.claim(refused, || format!("{label}: taken with {what} changed"));
        }
    }
}

pub(super) fn buffer(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let long = check.limit(Side::Sell);
    let short = NewOrder { client_order_id: None, ..check.limit(Side::Buy) };
    let orders: Vec<_> = [long, short].iter().filter_map(|order| check.prepare(order)).collect();
    let class = OrderClass::Plain;
    let mut ops: Vec<_> = orders.iter().map(Operation::Place).collect();
    ops.extend([
        Operation::OpenOrders { symbol: Some(symbol), class, page: None },
        Operation::Balances,
        Operation::ServerTime,
        Operation::Instruments { symbol: None, page: None },
    ]);
    let mut used = RequestBuf::new();
    for _ in 0..2 {
        for op in &ops {
            let mut fresh = RequestBuf::new();
            let provider = check.provider();
            let first = provider.encode(op, NOW, &mut fresh).map(Parts::of);
            let again = provider.encode(op, NOW, &mut used).map(Parts::of);
            check.claim(first.is_ok() && first == again, || {
                format!("{}: differs in a buffer that was used before", op.kind().as_str())
            });
        }
    }
}

/// Some listed symbols hold characters that forms and JSON must escape.
pub(super) fn symbols(check: &mut Check<'_>) {
    for text in ["A&B=C", "A\"B", "A\\B", "A%41", "A/B", "A+B", "A,B", "币安人生USDT", "A#?B"] {
        let Ok(symbol) = Symbol::new(text) else { continue };
        let limit = check.limit(Side::Buy);
        let Ok(prepared) = PreparedOrder::as_written(&NewOrder { symbol, ..limit }) else {
            continue;
        };
        let id = OrderRef::Id(check.harness().order_id());
        let class = OrderClass::Plain;
        for op in [
            Operation::Place(&prepared),
            Operation::Cancel { symbol, order: id, class },
            Operation::CancelAll { symbol: Some(symbol), class },
            Operation::OpenOrders { symbol: Some(symbol), class, page: None },
            Operation::Ticker { symbol },
        ] {
            if !check.supports(op.kind()) {
                continue;
            }
            let encoded = check.provider().encode(&op, NOW, &mut RequestBuf::new()).map(|_| ());
            match encoded {
                // Refusing a name is safe.
                Err(EncodeError::Invalid { .. }) => check.claim(true, String::new),
                _ => {
                    check.ask(&format!("{} of {text}", op.kind().as_str()), &op);
                }
            }
        }
    }
}

/// Pages and listen keys are the venue's own texts, and ids other tools', so that any of them may hold
/// what ends a value.
pub(super) fn injection(check: &mut Check<'_>) {
    let symbol = check.symbol();
    let class = OrderClass::Plain;
    for text in
        ["1&symbol=OTHER", "1\",\"symbol\":\"OTHER", "1\\", "1#2", "1%262", "1/2?3=4", "1\r\n2"]
    {
        let (page, key) = (Some(text), text);
        let mut ops = vec![
            Operation::OpenOrders { symbol: Some(symbol), class, page },
            Operation::OrderHistory { symbol, order: None, since: None, limit: None, page },
            Operation::Fills { symbol, order: None, since: None, limit: None, page },
            Operation::Positions { symbol: None, page },
            Operation::Instruments { symbol: None, page },
            Operation::ExtendListenKey { key },
            Operation::CloseListenKey { key },
        ];
        if let Ok(id) = ClientOrderId::new(text) {
            let order = OrderRef::Client(id);
            ops.push(Operation::Cancel { symbol, order, class });
            ops.push(Operation::Order { symbol, order, class });
        }
        ops.retain(|op| check.supports(op.kind()));
        for op in &ops {
            let encoded = check.provider().encode(op, NOW, &mut RequestBuf::new()).map(|_| ());
            let label = format!("{} with {text:?}", op.kind().as_str());
            match encoded {
                // Refusing a text is safe.
                Err(EncodeError::Invalid { .. }) => check.claim(true, String::new),
                _ => {
                    check.ask(&label, op);
                }
            }
        }
    }
}

pub(super) fn cost(check: &mut Check<'_>) {
    let orders: Vec<_> =
        SIDES.iter().filter_map(|side| check.prepare(&check.limit(*side))).collect();
    let Some(first) = orders.first() else { return };
    let cost = check.provider().cost(&Operation::Place(first));
    check.claim(cost.orders == 1, || format!("placing an order costs {cost:?}"));
    let read = check.provider().cost(&Operation::Balances);
    check.claim(read.weight > 0 && read.orders == 0, || format!("reading costs {read:?}"));
    if check.supports(crate::OperationKind::PlaceBatch) {
        let cost = check.provider().cost(&Operation::PlaceBatch(&orders));
        check.claim(cost.orders == 2, || format!("a batch of two costs {cost:?}"));
    }
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Whether the venue takes the request, as one that is signed.
fn taken(check: &Check<'_>, parts: &Parts) -> bool {
    let mut buf = RequestBuf::new();
    let meaning = check.harness().understand(parts.request(&mut buf));
    matches!(meaning.map(|it| it.access), Ok(Access::Signed { .. }))
}

/// A request as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    method: crate::Method,
    path: String,
    query: String,
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl Parts {
    fn of(request: Request<'_>) -> Self {
        Self {
            method: request.method(),
            path: request.path().to_owned(),
            query: request.query().to_owned(),
            body: request.body().to_owned(),
            headers: request.headers().map(|(name, value)| (name, value.to_owned())).collect(),
        }
    }

    fn request<'b>(&self, buf: &'b mut RequestBuf) -> Request<'b> {
        buf.begin(self.method);
        let path = buf.push(&self.path);
        buf.set_path(path);
        let query = buf.push(&self.query);
        buf.set_query(query);
        let body = buf.push(&self.body);
        buf.set_body(body);
        for (name, value) in &self.headers {
            let value = buf.push(value);
            buf.header(name, value);
        }
        buf.request()
    }

    fn changed(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        for (at, query) in each_changed(&self.query) {
            all.push((format!("byte {at} of the query"), Self { query, ..self.clone() }));
        }
        for (at, body) in each_changed(&self.body) {
            all.push((format!("byte {at} of the body"), Self { body, ..self.clone() }));
        }
        // A content type says how to read, not what was meant.
        let signed = |name: &str| !name.eq_ignore_ascii_case("content-type");
        for (index, (name, value)) in self.headers.iter().enumerate().filter(|it| signed(it.1.0)) {
            for (at, value) in each_changed(value) {
                let mut headers = self.headers.clone();
                if let Some(header) = headers.get_mut(index) {
                    header.1 = value;
                }
                all.push((format!("byte {at} of {name}"), Self { headers, ..self.clone() }));
            }
            let mut headers = self.headers.clone();
            headers.remove(index);
            all.push((format!("{name} left out"), Self { headers, ..self.clone() }));
        }
        all
    }
}

/// `text` with one character at a time changed to another of its kind.
fn each_changed(text: &str) -> impl Iterator<Item = (usize, String)> {
    text.char_indices().filter_map(move |(at, character)| {
        let other = match character {
            '0'..='8' | 'a'..='y' | 'A'..='Y' => char::from_u32(u32::from(character) + 1)?,
            '9' => '0',
            'z' => 'a',
            'Z' => 'A',
            _ => return None,
        };
        let mut changed = String::with_capacity(text.len());
        changed.push_str(text.get(..at)?);
        changed.push(other);
        changed.push_str(text.get(at + character.len_utf8()..)?);
        Some((at, changed))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_and_digit_is_changed_once() {
        let all: Vec<_> = each_changed("a=9&Z").map(|it| it.1).collect();
        assert_eq!(all, ["b=9&Z", "a=0&Z", "a=9&A"]);
    }
}
