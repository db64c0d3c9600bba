use core::fmt;

use crate::StreamError;

/// What can be wrong with a frame. The session that gets one connects anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameFault {
    /// Longer than [`FRAME_MAX`](crate::stream::FRAME_MAX).
    TooLong,
    /// A text frame that is not UTF-8.
    NotText,
    /// A binary frame where text belongs, or the reverse.
    UnexpectedKind,
    /// Not what the venue's documentation promises.
    Malformed,
    /// Against the WebSocket protocol itself.
    Protocol,
}

impl FrameFault {
    /// Every fault.
    pub const ALL: [Self; 5] =
        [Self::TooLong, Self::NotText, Self::UnexpectedKind, Self::Malformed, Self::Protocol];

    /// The fault's name in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotText => "not_text",
            Self::UnexpectedKind => "unexpected_kind",
            Self::Malformed => "malformed",
            Self::Protocol => "protocol",
        }
    }
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&StreamError> for FrameFault {
    fn from(error: &StreamError) -> Self {
        match error {
            StreamError::TooLong(_) => Self::TooLong,
            StreamError::UnexpectedKind => Self::UnexpectedKind,
            StreamError::Malformed { .. } => Self::Malformed,
        }
    }
}
