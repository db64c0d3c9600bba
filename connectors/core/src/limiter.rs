/// Room for one request in the venue's limits.
#[derive(Debug)]
#[must_use = "dropped, it counts as a request whose reply was lost"]
pub struct Permit(());

impl Permit {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Gives the room back: nothing was sent.
    pub fn unused(self) {}
}
