//! One end of a scenario's connection on a real socket: the application of the simulator, whose writes go
//! into the socket and whose reads come out of it, every byte compared with what the peer wrote.

use std::io;
use std::time::Duration;

use sim_core::app::AppConfig;
use sim_core::app::marks::Marks;
use sim_core::app::source::App;
use sim_core::engine::world::ConnectionId;
use sim_core::mptcp::small_segments::SmallSegments;
use sim_core::record::story::End;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;
use sim_core::wire::payload::{Payload, StreamId, fill_content};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::{Letterbox, News, Who, socket};
use crate::clock::Clock;

/// Bytes that one call to the socket writes or reads at most.
const CHUNK: usize = 256 << 10;

/// One end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct EndPlan {
    /// Which connection of the world.
    pub(crate) connection: ConnectionId,
    /// Which end.
    pub(crate) end: End,
    /// What the applications do.
    pub(crate) app: AppConfig,
    /// How often the kernel is asked for the state of the senders.
    pub(crate) sample_interval: SimDuration,
    /// What the application can write before the connection is open.
    pub(crate) send_buffer: u64,
    /// Whether what does not fill a segment waits for more.
    pub(crate) small_segments: SmallSegments,
}

impl EndPlan {
    /// For news.
    pub(crate) fn who(&self) -> Who {
        (self.connection, self.end)
    }
}

/// Runs the application of `plan` on `stream` to its end, or until it is to abort; tells what it wrote
/// and read, and what the kernel says at the end. A stream that a client has just begun to connect is waited
/// for; its application runs already.
pub(crate) async fn drive(
    plan: EndPlan,
    stream: TcpStream,
    clock: Clock,
    news: Letterbox,
    abort: oneshot::Receiver<()>,
) {
    let who = plan.who();
    // Without either option a kernel goes by Nagle's rule.
    let _ = stream.set_nodelay(plan.small_segments == SmallSegments::AtOnce);
    if plan.small_segments == SmallSegments::Cork {
        let _ = socket2::SockRef::from(&stream).set_tcp_cork(true);
    }
    let mut socket = EndSocket::new(&plan, &stream, clock, &news);
    let result = tokio::select! {
        result = socket.live() => result,
        Ok(()) = abort => Err(io::ErrorKind::ConnectionAborted.into()),
    };
    drop(socket);
    let aborted = matches!(&result, Err(e) if e.kind() == io::ErrorKind::ConnectionAborted);
    if aborted {
        // Closing without lingering is MP_FASTCLOSE (or RST).
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
    news.send(News::Ended { who, at: clock.now(), completed: result.is_ok() });
}

struct EndSocket<'a> {
    who: Who,
    stream: &'a TcpStream,
    clock: Clock,
    news: &'a Letterbox,
    app: App,
    peer: StreamId,
    buffer: Vec<u8>,
    expected: Vec<u8>,
    sent: u64,
    told: u64,
    read: u64,
    peer_closed: bool,
    closed: bool,
    sample_interval: SimDuration,
    sample_at: SimTime,
    send_buffer: u64,
}

/// What the kernel says at the end, be it that the run is over before the transfer.
impl Drop for EndSocket<'_> {
    fn drop(&mut self) {
        let (is_mptcp, fields) = (socket::is_mptcp(self.stream), socket::info(self.stream));
        self.news.send(News::Info { who: self.who, is_mptcp, fields });
    }
}

impl<'a> EndSocket<'a> {
    fn new(plan: &EndPlan, stream: &'a TcpStream, clock: Clock, news: &'a Letterbox) -> Self {
        let up = StreamId(2 * plan.connection.0);
        let down = StreamId(2 * plan.connection.0 + 1);
        let (own, peer) = if plan.end == End::Client { (up, down) } else { (down, up) };
        let now = clock.now();
        let app = App::new(&plan.app, plan.end, (own, peer), now);
        Self {
            who: plan.who(),
            stream,
            clock,
            news,
            app,
            peer,
            buffer: vec![0; CHUNK],
            expected: vec![0; CHUNK],
            sent: 0,
            told: 0,
            read: 0,
            peer_closed: false,
            closed: false,
            sample_interval: plan.sample_interval,
            sample_at: now,
            send_buffer: plan.send_buffer,
        }
    }

    async fn live(&mut self) -> io::Result<()> {
        if self.who.1 == End::Client {
            self.open().await?;
        }
        self.app.note_opening();
        self.transfer().await
    }

    /// Until the connection is open. What the application's own clock makes it write meanwhile waits for that.
    async fn open(&mut self) -> io::Result<()> {
        loop {
            let writes_at = self.clock.instant(self.app.next_write_at()).map(Instant::from_std);
            let next_write = async {
                match writes_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ready = self.stream.writable() => {
                    ready?;
                    return self.stream.take_error()?.map_or(Ok(()), Err);
                }
                () = next_write => self.produce(self.send_buffer),
            }
        }
    }

    async fn transfer(&mut self) -> io::Result<()> {
        loop {
            let wrote = self.write()?;
            self.close_when_done()?;
            let got = self.read()?;
            if self.closed && self.peer_closed {
                return Ok(());
            }
            self.sample();
            if wrote || got {
                tokio::task::yield_now().await;
            } else {
                self.wait().await?;
            }
        }
    }

    /// The application writes what it has by now, at most `room` bytes ahead of what the socket took.
    fn produce(&mut self, room: u64) {
        let now = self.clock.now();
        self.app.write(now, self.sent + room, self.peer_closed);
        self.app.marks = Marks::default(); // they are kept where deliveries are measured
        if self.app.written() > self.told {
            self.told = self.app.written();
            self.news.send(News::Wrote { who: self.who, at: now, upto: self.told });
        }
    }

    /// Writes what the application has and the socket takes; true when that was something.
    fn write(&mut self) -> io::Result<bool> {
        self.produce(CHUNK as u64);
        let before = self.sent;
        while self.sent < self.app.written() {
            let len = (self.app.written() - self.sent).min(CHUNK as u64) as usize;
            self.app.payload(self.sent, len as u32).copy_to(&mut self.buffer[..len]);
            match self.stream.try_write(&self.buffer[..len]) {
                Ok(written) => self.sent += written as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.sent > before)
    }

    fn close_when_done(&mut self) -> io::Result<()> {
        let all_sent = self.sent == self.app.written();
        let finished = self.app.has_finished(self.clock.now(), self.peer_closed);
        if !self.closed && all_sent && finished {
            socket2::SockRef::from(self.stream).shutdown(std::net::Shutdown::Write)?;
            self.closed = true;
        }
        Ok(())
    }

    /// Reads once; true when that was something, be it the end.
    fn read(&mut self) -> io::Result<bool> {
        if self.peer_closed {
            return Ok(false);
        }
        let len = match self.stream.try_read(&mut self.buffer) {
            Ok(0) => {
                self.peer_closed = true;
                return Ok(true);
            }
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let (who, at) = (self.who, self.clock.now());
        let (got, expected) = (&self.buffer[..len], &mut self.expected[..len]);
        fill_content(self.peer, self.read, expected);
        // Bytes of the pattern are compared here, which is fast; others by the application.
        let payload = if got == expected {
            Payload::described(self.peer, self.read, len as u32)
        } else {
            Payload::literal(got)
        };
        if let Err(offset) = self.app.deliver(&payload) {
            self.news.send(News::Wrong { who, at, offset });
        }
        self.read += len as u64;
        self.news.send(News::Read { who, at, bytes: len as u64 });
        Ok(true)
    }

    /// Until the socket or the application has something to do.
    async fn wait(&self) -> io::Result<()> {
        let blocked = self.sent < self.app.written();
        let writes_at = if self.closed { SimTime::NEVER } else { self.app.next_write_at() };
        let at = writes_at.min(self.sample_at);
        let timer = self.clock.instant(at).map_or_else(Instant::now, Instant::from_std);
        tokio::select! {
            ready = self.stream.readable(), if !self.peer_closed => ready,
            ready = self.stream.writable(), if blocked => ready,
            () = sleep_until(timer) => Ok(()),
        }
    }

    fn sample(&mut self) {
        let now = self.clock.now();
        if now < self.sample_at {
            return;
        }
        self.sample_at = now + self.sample_interval;
        let ends = (self.stream.local_addr(), self.stream.peer_addr());
        if let (Ok(local), Ok(peer)) = ends {
            let flow = Flow { src: socket::plain(local), dst: socket::plain(peer) };
            let samples = socket::samples(self.stream, now, flow);
            self.news.send(News::Samples { who: self.who, samples });
        }
    }
}
