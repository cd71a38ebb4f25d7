//! recover.
