//! What a bank promises, tested from outside through files on disk.

#![allow(clippy::unwrap_used)]

mod damage;
mod exporting;
mod flu;
mod importing;
mod storing;
mod verifying;
