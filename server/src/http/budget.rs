//! The memory that all request bodies share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// A number of bytes that bodies take from while they arrive. Who comes when it is used up is
/// refused at once instead of waiting: waiting bodies would hold what they already have.
#[derive(Clone, Debug)]
pub struct Budget {
    bytes: Arc<Semaphore>,
    total: usize,
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Self {
        let total = total.min(Semaphore::MAX_PERMITS);
        Self { bytes: Arc::new(Semaphore::new(total)), total }
    }

    /// An empty share, to be grown.
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), held: None, bytes: 0 }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.total.saturating_sub(self.bytes.available_permits())
    }
}

/// Bytes taken from a budget; given back on drop.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Share {
    /// An empty share of the same budget.
    pub fn sibling(&self) -> Self {
        self.budget.share()
    }

    /// Takes more until `bytes` are held.
    ///
    /// # Errors
    /// 503 when the budget is used up.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let full = || Problem::overloaded("request bodies in progress use all memory set aside for them");
        let count = u32::try_from(more).map_err(|_| full())?;
        let permit = Arc::clone(&self.budget.bytes).try_acquire_many_owned(count).map_err(|_| full())?;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        self.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_budget_and_come_back() {
        let budget = Budget::new(100);
        let (mut a, mut b) = (budget.share(), budget.share());
        a.grow_to(60).unwrap();
        a.grow_to(10).unwrap();
        assert_eq!(budget.used(), 60);
        assert_eq!(b.grow_to(41).unwrap_err().status, 503);
        b.grow_to(40).unwrap();
        drop(a);
        b.grow_to(100).unwrap();
        assert_eq!(budget.used(), 100);
        drop(b);
        assert_eq!(budget.used(), 0);
    }
}
