//! mexc
