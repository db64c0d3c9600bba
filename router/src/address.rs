use std::net::{IpAddr, Ipv4Addr};

/// The addresses TradingView publishes as the sources of its webhooks (gateway.md §5).
pub const TRADINGVIEW_ADDRESSES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(52, 89, 214, 238)),
    IpAddr::V4(Ipv4Addr::new(34, 212, 75, 30)),
    IpAddr::V4(Ipv4Addr::new(54, 218, 53, 128)),
    IpAddr::V4(Ipv4Addr::new(52, 32, 178, 7)),
];

/// The most addresses a list holds.
pub(crate) const ADDRESSES_MAX: usize = 500;

/// Which addresses signals may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    /// Whether addresses are checked at all.
    pub enabled: bool,
    /// The addresses; TradingView's own unless a list was configured.
    pub addresses: Vec<IpAddr>,
}

impl AllowList {
    /// Whether a signal from `peer` may pass. Without an address none passes a check.
    ///
    /// ```
    /// use hoox_router::{AllowList, TRADINGVIEW_ADDRESSES};
    ///
    /// let list = AllowList { enabled: true, ..AllowList::default() };
    /// assert!(list.allows(Some(TRADINGVIEW_ADDRESSES[0])));
    /// assert!(!list.allows(Some("10.0.0.1".parse().unwrap())) && !list.allows(None));
    /// ```
    pub fn allows(&self, peer: Option<IpAddr>) -> bool {
        !self.enabled || peer.is_some_and(|peer| self.addresses.contains(&peer.to_canonical()))
    }

    /// Reads a list: a JSON array of texts, or texts with commas between. Tells how many of the
    /// entries are no addresses, or too many; those allow nobody.
    pub(crate) fn parse(text: &str) -> (Vec<IpAddr>, usize) {
        let entries = crate::config_value::list(text);
        let (mut addresses, mut invalid) = (Vec::new(), 0);
        for entry in entries {
            match entry.parse::<IpAddr>() {
                Ok(address) if addresses.len() < ADDRESSES_MAX => {
                    addresses.push(address.to_canonical());
                }
                _ => invalid += 1,
            }
        }
        (addresses, invalid)
    }
}

impl Default for AllowList {
    fn default() -> Self {
        Self { enabled: false, addresses: TRADINGVIEW_ADDRESSES.to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enabled_check_wants_a_known_address() {
        let mut list = AllowList::default();
        assert!(list.allows(None));
        list.enabled = true;
        assert!(!list.allows(None));
        assert!(!list.allows(Some("10.0.0.1".parse().unwrap())));
        assert!(list.allows(Some("52.32.178.7".parse().unwrap())));
        assert!(list.allows(Some("::ffff:52.32.178.7".parse().unwrap())));
    }

    #[test]
    fn both_list_forms_are_read() {
        let expected: Vec<IpAddr> = vec!["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        assert_eq!(AllowList::parse(" 10.0.0.1, ::1 ,"), (expected.clone(), 0));
        assert_eq!(AllowList::parse(r#"["10.0.0.1","::1","10.0.0.0/8"]"#), (expected, 1));
        assert_eq!(AllowList::parse(&"10.0.0.1,".repeat(501)).1, 1);
    }
}
