//! The acknowledgements of orders, read in one pass. What is unusual in any way, errors among it, is
//! left to the readers of the modules beside.

use hoox_connector::{Accepted, Cursor, Members, OrderId, Timestamp};

/// spot, "New Order": neither the status nor our id.
pub(super) fn spot(body: &[u8]) -> Option<Accepted> {
    let mut cursor = Cursor::new(body)?;
    let mut it = Ids::default();
    cursor.open()?;
    cursor.skip_if("symbol")?;
    it.expect(&mut cursor, "orderId")?;
    cursor.skip_if("orderListId")?;
    cursor.skip_if("price")?;
    cursor.skip_if("origQty")?;
    cursor.skip_if("type")?;
    cursor.skip_if("side")?;
    it.expect(&mut cursor, "transactTime")?;
    it.rest(&mut cursor)?;
    cursor.end()?;
    it.accepted()
}

/// futures, "Order": `{"success":true,"code":0,"data":{"orderId":…,"ts":…}}`.
pub(super) fn linear(body: &[u8]) -> Option<Accepted> {
    let mut cursor = Cursor::new(body)?;
    let mut it = Success::default();
    cursor.open()?;
    it.expect(&mut cursor, "success")?;
    it.expect(&mut cursor, "code")?;
    it.expect(&mut cursor, "data")?;
    it.rest(&mut cursor)?;
    cursor.end()?;
    let done = it.success == Some(true) && matches!(it.code, Some(0 | 200));
    it.data.filter(|_| done)
}

#[derive(Default)]
struct Success {
    success: Option<bool>,
    code: Option<u64>,
    data: Option<Accepted>,
}

impl<'a> Members<'a> for Success {
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "success" => Cursor::keep(&mut self.success, cursor.bare()?.parse().ok()?),
            "code" => Cursor::keep(&mut self.code, cursor.whole()?),
            "data" => {
                let mut ids = Ids::default();
                cursor.open()?;
                ids.expect(cursor, "orderId")?;
                ids.expect(cursor, "ts")?;
                ids.rest(cursor)?;
                Cursor::keep(&mut self.data, ids.accepted()?)
            }
            _ => cursor.skip(),
        }
    }
}

#[derive(Default)]
struct Ids {
    order: Option<OrderId>,
    at: Option<u64>,
}

impl Ids {
    fn accepted(self) -> Option<Accepted> {
        let at = self.at.filter(|millis| *millis > 0).map(Timestamp::from_millis);
        Some(Accepted { order_id: Some(self.order?), client_order_id: None, at })
    }
}

impl<'a> Members<'a> for Ids {
    /// The time is `transactTime` on spot and `ts` in futures.
    #[inline(always)] // for the constant names
    fn member(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Option<()> {
        match name {
            "orderId" => Cursor::keep(&mut self.order, OrderId::new(cursor.string()?).ok()?),
            "transactTime" | "ts" => Cursor::keep(&mut self.at, cursor.whole()?),
            _ => cursor.skip(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOT: &str = r#"{"symbol":"MXUSDT","orderId":"06a480e69e604477bfb48dddd5f0b750","orderListId":-1,"price":"0.1","origQty":"50","type":"LIMIT","side":"BUY","transactTime":1666676533741}"#;
    const LINEAR: &str =
        r#"{"success":true,"code":0,"data":{"orderId":"814218083416790528","ts":1779795118533}}"#;

    fn told(id: &str, at: Option<u64>) -> Option<Accepted> {
        let at = at.map(Timestamp::from_millis);
        Some(Accepted { order_id: OrderId::new(id).ok(), client_order_id: None, at })
    }

    #[test]
    fn a_spot_order_is_read_in_any_order_and_nothing_but_one() {
        let id = "06a480e69e604477bfb48dddd5f0b750";
        for (old, new, expected) in [
            ("", "", told(id, Some(1_666_676_533_741))),
            (r#""symbol":"MXUSDT","#, r#""transactTime":5,"#, None),
            (r#","transactTime":1666676533741"#, "", told(id, None)),
            ("1666676533741", "0", told(id, None)),
            ("1666676533741", "null", None),
            (r#""price":"0.1""#, r#""more":[{"orderId":"x"}]"#, told(id, Some(1_666_676_533_741))),
            (r#""symbol":"MXUSDT","#, r#""stpMode":"","#, told(id, Some(1_666_676_533_741))),
            (r#""06a480e69e604477bfb48dddd5f0b750""#, "7", None),
            (r#""06a480e69e604477bfb48dddd5f0b750""#, r#""""#, None),
            (r#""orderId":"06a480e69e604477bfb48dddd5f0b750","#, r#""code":30004,"#, None),
        ] {
            let body = SPOT.replacen(old, new, 1);
            assert_eq!(spot(body.as_bytes()), expected, "{body}");
        }
        for end in 0..SPOT.len() {
            assert_eq!(spot(&SPOT.as_bytes()[..end]), None);
        }
    }

    #[test]
    fn a_futures_order_is_a_success_with_an_id() {
        let id = "814218083416790528";
        for (old, new, expected) in [
            ("", "", told(id, Some(1_779_795_118_533))),
            (r#""code":0"#, r#""code":200"#, told(id, Some(1_779_795_118_533))),
            (r#""code":0"#, r#""code":510"#, None),
            (r#""success":true"#, r#""success":false"#, None),
            (r#""success":true,"#, "", None),
            (r#""code":0,"#, "", None),
            (r#","ts":1779795118533"#, "", told(id, None)),
            (r#"{"orderId":"814218083416790528","ts":1779795118533}"#, "102057569836905984", None),
            (r#"{"orderId":"814218083416790528","ts":1779795118533}"#, "null", None),
            (r#""code":0"#, r#""code":0,"message":"a""#, told(id, Some(1_779_795_118_533))),
        ] {
            let body = LINEAR.replacen(old, new, 1);
            assert_eq!(linear(body.as_bytes()), expected, "{body}");
        }
        for end in 0..LINEAR.len() {
            assert_eq!(linear(&LINEAR.as_bytes()[..end]), None);
        }
    }
}
