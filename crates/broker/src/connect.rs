//! One attempt to connect.
