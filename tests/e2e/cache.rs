//! The cache as a thing to look after.

mod listing;
