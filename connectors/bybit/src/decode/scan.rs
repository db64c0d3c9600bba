//! The acknowledgement of an order, read in one pass. What is unusual in any way, errors among it, is
//! left to the reader of the module above.

use hoox_connector::{Accepted, ClientOrderId, Cursor, Members, OrderId, Timestamp};

/// `{"retCode":0,"retMsg":"OK","result":{"orderId":…,"orderLinkId":…},"retExtInfo":{},"time":…}`
/// (v5 order/create, amend and cancel).
pub(super) fn accepted(body: &[u8]) -> Option<Accepted> {
    let mut cursor = Cursor::new(body)?;
    let mut it = Success::default();
    cursor.open()?;
    it.expect(&mut cursor, "retCode")?;
    cursor.skip_if("retMsg")?;
    it.expect(&mut cursor, "result")?;
    cursor.skip_if("retExtInfo")?;
    it.expect(&mut cursor, "time")?;
    it.rest(&mut cursor)?;
    cursor.end()?;
    let (order_id, client_order_id) = it.ids.filter(|_| it.code == Some(0))?;
    let at = it.time.map(Timestamp::from_millis);
    Some(Accepted { order_id: Some(order_id), client_order_id, at })
}

#[derive(Default)]
struct Success {
    code: Option<u64>,
    ids: Option<(OrderId, Option<ClientOrderId>)>,
    time: Option<u64>,
}

impl<'a> Members<'a> for Success {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "retCode" => Cursor::keep(&mut self.code, cursor.whole()?),
            "result" => Cursor::keep(&mut self.ids, ids(cursor)?),
            "time" => Cursor::keep(&mut self.time, cursor.whole()?),
            "data" => None,
            _ => cursor.skip(),
        }
    }
}

fn ids(cursor: &mut Cursor<'_>) -> Option<(OrderId, Option<ClientOrderId>)> {
    let (mut order, mut client) = (None, None);
    let order_id = |text| OrderId::new(text).ok();
    // Another tool's id that is none of ours is as good as none.
    let client_id = |text| ClientOrderId::new(text).ok();
    cursor.open()?;
    if cursor.next_is("orderId") {
        order = Some(order_id(cursor.string()?)?);
        cursor.separator()?;
    }
    if cursor.next_is("orderLinkId") {
        client = Some(client_id(cursor.string()?));
        cursor.separator()?;
    }
    cursor.rest(|cursor, name| match name {
        "orderId" => Cursor::keep(&mut order, order_id(cursor.string()?)?),
        "orderLinkId" => Cursor::keep(&mut client, client_id(cursor.string()?)),
        _ => cursor.skip(),
    })?;
    Some((order?, client.flatten()))
}

#[cfg(test)]
mod tests {
    use hoox_connector::OperationKind;
    use hoox_connector::json::{self, Integer};

    use super::super::{Envelope, Ids};
    use super::*;

    /// What the other reader makes of it, if it is a success.
    fn read(body: &str) -> Option<Accepted> {
        let read = json::read::<Envelope<'_, Ids>>(OperationKind::Place, body.as_bytes());
        let Envelope { ret_code: Integer(0), result, time, .. } = read.ok()? else { return None };
        let accepted = result.accepted(time.map(Timestamp::from_millis));
        accepted.order_id.is_some().then_some(accepted)
    }

    #[test]
    fn what_is_read_is_what_the_other_reader_reads() {
        let usual = r#"{"retCode":0,"retMsg":"OK","result":{"orderId":"1321003749386327552","orderLinkId":"hx-7f3a9c01"},"retExtInfo":{},"time":1672211918471}"#;
        let told = accepted(usual.as_bytes()).unwrap();
        assert_eq!(told.order_id.unwrap().as_str(), "1321003749386327552");
        assert_eq!(told.client_order_id.unwrap().as_str(), "hx-7f3a9c01");
        assert_eq!(told.at, Some(Timestamp::from_millis(1_672_211_918_471)));
        for (old, new, taken) in [
            ("", "", true),
            (r#""retMsg":"OK","#, "", true),
            (r#""retExtInfo":{},"#, r#""retExtInfo":{"a":[1,{}]},"more":null,"#, true),
            (r#","orderLinkId":"hx-7f3a9c01""#, "", true),
            (r#""hx-7f3a9c01""#, r#""""#, true),
            (r#""hx-7f3a9c01""#, r#""no id of ours""#, true),
            (r#","time":1672211918471"#, "", true),
            (r#"{"retCode":0,"#, r#"{"time":5,"retCode":0,"#, false),
            (r#""result":{"#, r#""result":{"more":1,"#, true),
            (r#""retCode":0"#, r#""retCode":10001"#, false),
            (r#""retCode":0"#, r#""retCode":"0""#, false),
            (r#""retCode":0,"#, "", false),
            ("1672211918471", r#""1672211918471""#, false),
            ("OK", r"O\u004b", false),
            (r#""1321003749386327552""#, "1321003749386327552", false),
            (r#""orderId":"1321003749386327552","#, "", false),
            (r#""1321003749386327552""#, r#""""#, false),
            (r#""result""#, r#""data""#, false),
        ] {
            let body = usual.replacen(old, new, 1);
            let read = read(&body);
            let scanned = accepted(body.as_bytes());
            assert_eq!(scanned.is_some(), taken, "{body}");
            if taken {
                assert_eq!(scanned, read, "{body}");
            }
        }
        // Cut anywhere, it is neither.
        for end in 0..usual.len() {
            assert_eq!(accepted(&usual.as_bytes()[..end]), None);
        }
    }
}
