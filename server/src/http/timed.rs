//! A connection's bytes, with patience: silent, slow and stuck peers are cut off.
//!
//! hyper waits for ever on a connection that sends nothing, sends its head a byte at a time, or does
//! not read its answer. [`Timed`] sits below it and fails the read or write when the peer is late.
//! Bodies have clocks of their own (`intake`), since only they know what is expected.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long each kind of silence may last.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first byte of a head to its last; and to the first byte of a new connection.
    pub head: Duration,
    /// To the first byte of the next head.
    pub idle: Duration,
    /// For the peer to take bytes that are ready for it.
    pub write: Duration,
}

/// What the connection is doing, told by the side that answers requests.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// Odd while a request is being answered; goes up by one at each begin and end.
    turns: Arc<AtomicU32>,
}

impl Phase {
    /// A request's head has arrived; reads have no clock until the guard is dropped.
    pub fn begin(&self) -> PhaseGuard {
        self.turns.fetch_add(1, Ordering::AcqRel);
        PhaseGuard(self.clone())
    }
}

/// Held while a request is being answered.
pub struct PhaseGuard(Phase);

impl Drop for PhaseGuard {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::AcqRel);
    }
}

/// A stream whose reads and writes fail with `TimedOut` when the peer is late.
pub struct Timed<S> {
    stream: S,
    patience: Patience,
    phase: Phase,
    /// The turn that the read clock was started for.
    turn_seen: u32,
    head_begun: bool,
    read_clock: Pin<Box<Sleep>>,
    write_clock: Pin<Box<Sleep>>,
    write_waits: bool,
}

impl<S> Timed<S> {
    /// Starts the clock for the first head.
    pub fn new(stream: S, patience: Patience, phase: Phase) -> Self {
        Self {
            stream,
            patience,
            phase,
            turn_seen: 0,
            head_begun: false,
            read_clock: Box::pin(tokio::time::sleep(patience.head)),
            write_clock: Box::pin(tokio::time::sleep(patience.write)),
            write_waits: false,
        }
    }

    /// Late when waiting for a head and its time is over.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let turn = self.phase.turns.load(Ordering::Acquire);
        if turn % 2 == 1 {
            return Poll::Pending;
        }
        if turn != self.turn_seen {
            self.turn_seen = turn;
            self.head_begun = false;
            self.read_clock.as_mut().reset(Instant::now() + self.patience.idle);
        }
        self.read_clock.as_mut().poll(cx).map(|()| late("request head"))
    }

    fn note_read(&mut self) {
        let turn = self.phase.turns.load(Ordering::Acquire);
        if turn.is_multiple_of(2) && (!self.head_begun || turn != self.turn_seen) {
            self.turn_seen = turn;
            self.head_begun = true;
            self.read_clock.as_mut().reset(Instant::now() + self.patience.head);
        }
    }

    fn poll_stuck<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_waits = false;
            return written;
        }
        if !self.write_waits {
            self.write_waits = true;
            self.write_clock.as_mut().reset(Instant::now() + self.patience.write);
        }
        ready!(self.write_clock.as_mut().poll(cx));
        Poll::Ready(Err(late("answer being read")))
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no {what} in time"))
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            if buf.filled().len() > before {
                self.note_read();
            }
            return read;
        }
        let error = ready!(self.poll_late(cx));
        Poll::Ready(Err(error))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.poll_stuck(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.poll_stuck(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.poll_stuck(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.poll_stuck(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn patience(head_ms: u64, idle_ms: u64) -> Patience {
        Patience {
            head: Duration::from_millis(head_ms),
            idle: Duration::from_millis(idle_ms),
            write: Duration::from_millis(50),
        }
    }

    #[tokio::test]
    async fn a_silent_peer_and_a_slow_head_are_cut_off() {
        let (_peer, mine) = tokio::io::duplex(64);
        let mut silent = Timed::new(mine, patience(30, 1000), Phase::default());
        assert_eq!(silent.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);

        let (mut peer, mine) = tokio::io::duplex(64);
        let mut slow = Timed::new(mine, patience(60, 1000), Phase::default());
        let drip = tokio::spawn(async move {
            while peer.write_u8(b'G').await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let mut sink = Vec::new();
        let error = slow.read_to_end(&mut sink).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(slow);
        drip.await.unwrap();
    }

    #[tokio::test]
    async fn reads_have_no_clock_while_a_request_is_answered_and_the_idle_one_after() {
        let (_peer, mine) = tokio::io::duplex(64);
        let phase = Phase::default();
        let mut timed = Timed::new(mine, patience(20, 60), phase.clone());
        let guard = phase.begin();
        let waited = tokio::time::timeout(Duration::from_millis(80), timed.read_u8()).await;
        assert!(waited.is_err(), "still reading");
        drop(guard);
        assert_eq!(timed.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_cut_off() {
        let (_peer, mine) = tokio::io::duplex(16);
        let mut timed = Timed::new(mine, patience(1000, 1000), Phase::default());
        let error = timed.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
