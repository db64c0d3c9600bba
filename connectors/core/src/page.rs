use core::ops::Deref;

/// Rows of a list, and where the list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the venue's order.
    pub rows: Vec<T>,
    /// What to ask for as the operation's `page` to read on
    /// ([`Operation::on_page`](crate::Operation::on_page)); `None` if the list ends here, or if the
    /// venue has no way to read on. The page it leads to may be empty.
    pub next: Option<Box<str>>,
}

impl<T> Page<T> {
    /// The same rows, with another page behind them or none.
    #[must_use]
    pub fn with_next(self, next: Option<Box<str>>) -> Self {
        Self { next, ..self }
    }
}

impl<T> From<Vec<T>> for Page<T> {
    fn from(rows: Vec<T>) -> Self {
        Self { rows, next: None }
    }
}

impl<T> FromIterator<T> for Page<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Vec::from_iter(rows).into()
    }
}

impl<T> Deref for Page<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rows
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Page<T> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.iter()
    }
}
