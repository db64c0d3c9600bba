//! The venue's order ids: UUIDs on linear, nineteen digits on spot. Both carry the engine's id,
//! so that no table is needed to find the order again.

use crate::engine::Market;

const NODE: u64 = 0x5a3c_96e1_0b7d;
const SPOT_BASE: u64 = 1_321_000_000_000_000_000;
const SPOT_SHIFT: u32 = 12;

/// The id a customer sees.
pub(super) fn order_id(market: Market, id: u64) -> String {
    let noise = mix(id);
    match market {
        Market::Linear => {
            let [a, b, c, d] = [noise >> 32, noise >> 16 & 0xffff, noise & 0xfff, noise >> 52];
            format!("{a:08x}-{b:04x}-4{c:03x}-8{d:03x}-{:012x}", id ^ NODE)
        }
        Market::Spot => {
            let low = noise & ((1 << SPOT_SHIFT) - 1);
            (SPOT_BASE + (id << SPOT_SHIFT) + low).to_string()
        }
    }
}

/// The engine's id behind one that [`order_id`] has written; `None` for any other text.
pub(super) fn engine_id(market: Market, text: &str) -> Option<u64> {
    let id = match market {
        Market::Linear => u64::from_str_radix(text.get(24..)?, 16).ok()? ^ NODE,
        Market::Spot => text.parse::<u64>().ok()?.checked_sub(SPOT_BASE)? >> SPOT_SHIFT,
    };
    // Bounds the shift above; ids never get near it.
    (id < 1 << 47 && order_id(market, id) == text).then_some(id)
}

/// An id for one execution, in the shape of a UUID.
pub(super) fn execution_id(id: u64) -> String {
    order_id(Market::Linear, id)
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 27)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_foreign_ones_do_not() {
        for market in [Market::Spot, Market::Linear] {
            for id in [1, 2_146_000_001, 28_457_000_123] {
                assert_eq!(engine_id(market, &order_id(market, id)), Some(id));
            }
            for foreign in
                ["", "1", "c6f055d9-7f21-4079-913d-e6523a9cfffa", "é", "18446744073709551615"]
            {
                assert_eq!(engine_id(market, foreign), None, "{foreign}");
            }
        }
        let id = order_id(Market::Linear, 28_457_000_001);
        assert_eq!(id.len(), 36);
        assert_eq!(order_id(Market::Spot, 28_457_000_001).len(), 19);
    }
}
