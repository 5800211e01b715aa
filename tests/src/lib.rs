//! Holds nothing: the promises are in `promises/`.
