use hoox_connector::{Exchange, Venue};

/// The desks there are.
pub trait Exchanges {
    /// One account at one market; an enum where exchanges differ in type.
    type Desk: Exchange;

    /// The desk of an exchange, live or test; `None` without credentials or test venue. A test desk
    /// never holds live keys.
    fn desk(&self, venue: Venue, test: bool) -> Option<&Self::Desk>;
}

impl<E: Exchanges> Exchanges for &E {
    type Desk = E::Desk;

    fn desk(&self, venue: Venue, test: bool) -> Option<&E::Desk> {
        E::desk(self, venue, test)
    }
}

impl<E: Exchanges> Exchanges for std::sync::Arc<E> {
    type Desk = E::Desk;

    fn desk(&self, venue: Venue, test: bool) -> Option<&E::Desk> {
        E::desk(self, venue, test)
    }
}

impl<E: Exchanges> Exchanges for std::rc::Rc<E> {
    type Desk = E::Desk;

    fn desk(&self, venue: Venue, test: bool) -> Option<&E::Desk> {
        E::desk(self, venue, test)
    }
}

/// A list of desks.
#[derive(Debug, Clone)]
pub struct Desks<D> {
    desks: Vec<(Venue, bool, D)>,
}

impl<D> Desks<D> {
    /// No desks.
    pub const fn new() -> Self {
        Self { desks: Vec::new() }
    }

    /// Adds the desk of an exchange, live or test; of two the first is used.
    #[must_use]
    pub fn with(mut self, venue: Venue, test: bool, desk: D) -> Self {
        self.desks.push((venue, test, desk));
        self
    }
}

impl<D> Default for Desks<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D: Exchange> Exchanges for Desks<D> {
    type Desk = D;

    fn desk(&self, venue: Venue, test: bool) -> Option<&D> {
        let wanted = |(v, t, _): &&(Venue, bool, D)| *v == venue && *t == test;
        self.desks.iter().find(wanted).map(|(_, _, desk)| desk)
    }
}
