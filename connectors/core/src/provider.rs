use core::fmt;

use arrayvec::ArrayVec;

use crate::{
    Asked, Capabilities, Cost, EncodeError, Market, Operation, RateRule, RateUsage, Reply, Request,
    RequestBuf, Timestamp, Venue, VenueError,
};

/// One market of one venue, seen by one account: a wire dialect.
///
/// Pure: no I/O, no clock, no async. On the order path neither `encode` nor `decode` allocates once
/// the buffer has grown to the size of a request.
pub trait ExchangeProvider {
    /// The venue.
    fn venue(&self) -> Venue;

    /// The market.
    fn market(&self) -> Market;

    /// What can be asked of it.
    fn capabilities(&self) -> &Capabilities;

    /// The scheme and host requests go to, without a slash at the end.
    fn base_url(&self) -> &str;

    /// How long after its timestamp the venue still takes a request: what bounds the time in which a
    /// lost order can still arrive.
    fn recv_window(&self) -> core::time::Duration;

    /// Writes the signed request for `op` into `buf`; the result borrows from it. `at` is the
    /// present, by the venue's clock.
    ///
    /// # Errors
    /// [`EncodeError`] if the venue lacks the operation or the order kind, or a value is missing.
    fn encode<'b>(
        &self,
        op: &Operation<'_>,
        at: Timestamp,
        buf: &'b mut RequestBuf,
    ) -> Result<Request<'b>, EncodeError>;

    /// Reads the venue's answer to what was asked, in the buffer it arrived in, which may be
    /// overwritten.
    ///
    /// # Errors
    /// [`VenueError`]: rejected, throttled, unknown, or not readable.
    fn decode(
        &self,
        asked: &Asked<'_>,
        status: u16,
        headers: Headers<'_>,
        body: &mut [u8],
    ) -> Result<Reply, VenueError>;

    /// What `op` costs in the venue's accounting.
    fn cost(&self, op: &Operation<'_>) -> Cost;

    /// The limits that the venue's documentation states; its metadata and headers may correct them.
    /// Empty where they are not known beforehand.
    fn rate_rules(&self) -> Vec<RateRule>;

    /// What the reply's headers say of the limits; empty where the venue says nothing.
    fn usage(&self, headers: Headers<'_>) -> ArrayVec<RateUsage, 4> {
        let _ = headers;
        ArrayVec::new()
    }
}

/// The headers of a reply, whichever HTTP library they came with.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    find: &'a dyn Fn(&str) -> Option<&'a str>,
}

impl<'a> Headers<'a> {
    /// Headers behind a look-up, which must ignore the case of names.
    pub fn new(find: &'a dyn Fn(&str) -> Option<&'a str>) -> Self {
        Self { find }
    }

    /// No headers at all.
    pub fn none() -> Self {
        Self { find: &|_| None }
    }

    /// The value of header `name`, if it is there and is text.
    pub fn find(&self, name: &str) -> Option<&'a str> {
        (self.find)(name)
    }

    /// The value of header `name` as a whole number.
    pub fn find_u64(&self, name: &str) -> Option<u64> {
        self.find(name)?.trim().parse().ok()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}
