//! A real host: a thread that lives in a network namespace of its own and does there what the scenario
//! wants done: sockets, programs, changes of addresses.
//!
//! The thread that carries packets gives [`Order`]s; everything that happens comes back as [`News`], with
//! the time at which it did.

mod command;
mod drive;
mod letterbox;
mod mib;
pub(crate) mod setup;
pub(crate) mod socket;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use sim_core::app::AppConfig;
use sim_core::engine::world::{ConnectionId, NodeId};
use sim_core::mptcp::config::Profile;
use sim_core::record::CommandRecord;
use sim_core::record::series::SenderSample;
use sim_core::record::story::End;
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::packet::Flow;
use tokio::net::TcpStream;
use tokio::sync::{mpsc as async_mpsc, oneshot};

use crate::clock::Clock;
use crate::error::{Doing, LiveError};
use crate::privileges;
use crate::scheduling::{self, Priority};
use crate::tun::Tun;

pub(crate) use command::CommandPlan;
use drive::{EndPlan, drive};
pub(crate) use letterbox::Letterbox;
use setup::HostPlan;
use socket::{SocketKind, plain};

/// An end of a connection.
pub(crate) type Who = (ConnectionId, End);

/// What a host is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// The run begins, by this clock; always the first.
    Begin(Clock),
    /// Open a connection that was planned.
    Connect(ConnectionId),
    /// A SYN for this connection is on its way in; what is accepted from `peer` belongs to it.
    Called {
        /// Which.
        connection: ConnectionId,
        /// Where from.
        peer: SocketAddr,
        /// False for a join without its option, which nobody serves.
        is_connection: bool,
    },
    /// The application gives up.
    Abort(Who),
    /// Commands for `ip`, a line each, of either family.
    Ip(String),
    /// Run a program.
    Run(CommandPlan),
    /// End everything.
    Stop,
}

/// What has happened in a host.
#[derive(Debug)]
pub(crate) enum News {
    /// A socket with this local address is about to open the connection.
    Opens { host: NodeId, connection: ConnectionId, local: SocketAddr },
    /// The application has written up to here.
    Wrote { who: Who, at: SimTime, upto: u64 },
    /// The application has read so much more.
    Read { who: Who, at: SimTime, bytes: u64 },
    /// It read something that its peer did not write.
    Wrong { who: Who, at: SimTime, offset: u64 },
    /// The state of the kernel's senders.
    Samples { who: Who, samples: Vec<(Flow, SenderSample)> },
    /// What the kernel says of the socket at its end.
    Info { who: Who, is_mptcp: bool, fields: BTreeMap<String, u64> },
    /// The application has ended: in order, or by an error.
    Ended { who: Who, at: SimTime, completed: bool },
    /// A program has ended.
    Ran { index: usize, record: CommandRecord },
    /// The host's counters at the end.
    Counters { host: NodeId, counters: BTreeMap<String, u64> },
}

/// A connection that a host opens or serves.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Which.
    pub(crate) connection: ConnectionId,
    /// Where the caller's first subflow comes from.
    pub(crate) from: IpAddr,
    /// What is called.
    pub(crate) to: SocketAddr,
    /// What the applications do.
    pub(crate) app: AppConfig,
}

/// What a host does.
#[derive(Clone, Debug)]
pub(crate) struct HostWork {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its network.
    pub(crate) plan: HostPlan,
    /// Connections that it may be told to open.
    pub(crate) opens: Vec<Planned>,
    /// Connections that it serves.
    pub(crate) serves: Vec<Planned>,
    /// Interval of samples.
    pub(crate) sample_interval: SimDuration,
    /// Programs run in it.
    pub(crate) runs_programs: bool,
}

/// A running host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Its node.
    pub(crate) node: NodeId,
    /// Its interfaces, each with its port.
    pub(crate) tuns: Vec<(u8, Tun)>,
    orders: async_mpsc::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Makes the namespace and everything in it.
    ///
    /// # Errors
    /// What the system refuses.
    pub(crate) fn start(work: HostWork, news: Letterbox) -> Result<Self, LiveError> {
        let (orders, received) = async_mpsc::unbounded_channel();
        let (ready, is_ready) = mpsc::channel();
        let node = work.node;
        let name = work.plan.name.clone();
        let thread = std::thread::Builder::new()
            .name(name.chars().take(15).collect())
            .spawn(move || live(work, news, received, &ready))
            .doing(|| format!("start a thread for {name}"))?;
        let ended = || LiveError::System {
            action: format!("set up {name}"),
            error: std::io::Error::other("its thread ended early"),
        };
        let tuns = is_ready.recv().map_err(|_| ended())??;
        Ok(Self { node, tuns, orders, thread: Some(thread) })
    }

    /// Gives an order. A host that has ended does nothing any more.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

impl Drop for Host {
    /// The namespace goes with its last thread, socket and descriptor.
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Ready = mpsc::Sender<Result<Vec<(u8, Tun)>, LiveError>>;

/// The life of a host's thread.
fn live(
    work: HostWork,
    news: Letterbox,
    mut orders: async_mpsc::UnboundedReceiver<Order>,
    ready: &Ready,
) {
    let prepared = setup::enter(&work.plan.name).and_then(|()| {
        let tuns = setup::prepare(&work.plan)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .doing(|| "start tokio".into())?;
        let listeners = {
            let _inside = runtime.enter();
            listen(&work)?
        };
        scheduling::prefer(Priority::Host);
        privileges::for_host(work.runs_programs);
        Ok((tuns, runtime, listeners))
    });
    match prepared {
        Ok((tuns, runtime, listeners)) => {
            let _ = ready.send(Ok(tuns));
            let node = work.node;
            if let Some(Order::Begin(clock)) = orders.blocking_recv() {
                let living = Living { work, clock, news: news.clone() };
                runtime.block_on(living.run(orders, listeners));
            }
            news.send(News::Counters { host: node, counters: mib::counters() });
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

fn kind_of(plan: &HostPlan) -> SocketKind {
    let addresses = &plan.stack.addresses;
    let has = |v4: bool| addresses.iter().any(|a| a.address.is_ipv4() == v4);
    SocketKind {
        mptcp: plan.stack.config.profile != Profile::TcpOnly,
        dual: has(true) && has(false),
    }
}

fn listen(work: &HostWork) -> Result<Vec<tokio::net::TcpListener>, LiveError> {
    let kind = kind_of(&work.plan);
    let congestion = setup::kernel_congestion(work.plan.stack.config.congestion);
    let mut ports = BTreeMap::new();
    for served in &work.serves {
        let own = work.plan.stack.addresses.first().map_or(served.to.ip(), |a| a.address);
        ports.entry(served.to.port()).or_insert(own);
    }
    let open = |(port, family): (u16, IpAddr)| {
        kind.listen(port, family, congestion)
            .doing(|| format!("listen on port {port} of {}", work.plan.name))
    };
    ports.into_iter().map(open).collect()
}

struct Living {
    work: HostWork,
    clock: Clock,
    news: Letterbox,
}

impl Living {
    async fn run(
        self,
        mut orders: async_mpsc::UnboundedReceiver<Order>,
        listeners: Vec<tokio::net::TcpListener>,
    ) {
        let (accepted, mut accepts) = async_mpsc::unbounded_channel();
        for listener in listeners {
            let accepted = accepted.clone();
            tokio::spawn(async move {
                while let Ok((stream, peer)) = listener.accept().await {
                    if accepted.send((stream, plain(peer))).is_err() {
                        return;
                    }
                }
            });
        }
        let mut called = BTreeMap::new();
        let mut aborts = BTreeMap::new();
        let mut programs = Vec::new();
        loop {
            tokio::select! {
                // An order tells whose socket it is that is accepted then.
                biased;
                order = orders.recv() => match order {
                    Some(Order::Connect(connection)) => self.connect(connection, &mut aborts),
                    Some(Order::Called { connection, peer, is_connection }) => {
                        called.insert(peer, (connection, is_connection));
                    }
                    Some(Order::Abort(who)) => {
                        if let Some(abort) = aborts.remove(&who) {
                            let _: Result<(), ()> = oneshot::Sender::send(abort, ());
                        }
                    }
                    Some(Order::Ip(lines)) => change(&lines),
                    Some(Order::Run(plan)) => programs.push(self.start(plan)),
                    Some(Order::Begin(_)) => {}
                    Some(Order::Stop) | None => break,
                },
                Some((stream, peer)) = accepts.recv() => {
                    if let Some((connection, true)) = called.remove(&peer) {
                        self.serve(connection, stream, &mut aborts);
                    }
                }
            }
        }
        for (stop, program) in programs {
            let _ = stop.send(());
            let _ = program.await;
        }
    }

    fn connect(&self, connection: ConnectionId, aborts: &mut Aborts) {
        let Some(planned) = self.work.opens.iter().find(|p| p.connection == connection) else {
            return;
        };
        let kind = kind_of(&self.work.plan);
        let plan = self.end(planned, End::Client);
        let (clock, news, host) = (self.clock, self.news.clone(), self.work.node);
        let (from, to) = (planned.from, planned.to);
        let (abort, aborted) = oneshot::channel();
        aborts.insert(plan.who(), abort);
        tokio::spawn(async move {
            let connecting = kind.bind(from).and_then(|(socket, local)| {
                news.send(News::Opens { host, connection, local });
                kind.connect(socket, to)
            });
            match connecting {
                Ok(stream) => drive(plan, stream, clock, news, aborted).await,
                Err(_) => {
                    let (who, at) = (plan.who(), clock.now());
                    news.send(News::Ended { who, at, completed: false });
                }
            }
        });
    }

    fn serve(&self, connection: ConnectionId, stream: TcpStream, aborts: &mut Aborts) {
        let Some(planned) = self.work.serves.iter().find(|p| p.connection == connection) else {
            return;
        };
        let plan = self.end(planned, End::Server);
        let (abort, aborted) = oneshot::channel();
        aborts.insert(plan.who(), abort);
        tokio::spawn(drive(plan, stream, self.clock, self.news.clone(), aborted));
    }

    fn end(&self, planned: &Planned, end: End) -> EndPlan {
        EndPlan {
            connection: planned.connection,
            end,
            app: planned.app.clone(),
            sample_interval: self.work.sample_interval,
            send_buffer: self.work.plan.stack.config.send_buffer.0,
            small_segments: self.work.plan.stack.config.small_segments,
        }
    }

    fn start(&self, plan: CommandPlan) -> (oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
        let (stop, stopped) = oneshot::channel();
        let (host, news, index) = (self.work.plan.name.clone(), self.news.clone(), plan.index);
        let task = tokio::spawn(async move {
            let record = command::run(host, plan, stopped).await;
            news.send(News::Ran { index, record });
        });
        (stop, task)
    }
}

type Aborts = BTreeMap<Who, oneshot::Sender<()>>;

/// A change of addresses or endpoints while connections run. One that the kernel refuses (an address that
/// is there already) changes nothing, as in the simulator.
fn change(lines: &str) {
    let _ = setup::run_ip(&["-force", "-batch", "-"], lines);
}
