//! The thread that carries packets: out of the kernels into the world, through it, and back into the
//! kernels, the world's clock held to the wall.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use sim_core::engine::outside::OutsideLife;
use sim_core::engine::world::{Action, NodeId, World};
use sim_core::record::story::End;
use sim_core::record::{CommandRecord, LiveRecord, RunRecord};
use sim_core::time::{SimDuration, SimTime};
use sim_core::wire::bytes::ParseError;
use sim_core::wire::packet::Packet;

use crate::awake::Awake;
use crate::clock::Clock;
use crate::error::{Doing, LiveError};
use crate::host::{CommandPlan, Host, HostWork, Letterbox, News, Order, setup};
use crate::observe::Observer;
use crate::offload::{self, Spare};
use crate::scheduling::Courtesy;
use crate::sleeper::Sleeper;
use crate::tun::{LARGEST, Tun};

/// Bytes that are read of one interface in a row, before what they led to is written: more would not stay
/// in the processor's cache, less would not fill a super-packet where the kernel sends single segments.
const READ: usize = 80 << 10;
/// IP protocols of what an idle IPv6 interface sends by itself.
const ICMPV6: u8 = 58;
const HOP_BY_HOP: u8 = 0;
/// Silence after the end of the last connection that ends the run: closing segments are on their way.
const SILENCE: SimDuration = SimDuration::from_millis(50);
/// What the world does within this is taken for a packet that is on its way.
const ON_ITS_WAY: SimDuration = SimDuration::from_secs(1);
/// The longest wait for that silence.
const LONGEST_CLOSING: SimDuration = SimDuration::from_secs(2);

/// A program of the scenario, and when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// When.
    pub(crate) start: SimTime,
    /// Where.
    pub(crate) host: NodeId,
    /// What.
    pub(crate) plan: CommandPlan,
    /// The run waits for its end (else it is ended with the run).
    pub(crate) is_awaited: bool,
}

/// A run under way.
pub(crate) struct Bridge<'a> {
    /// The world, its outside hosts outside.
    pub(crate) world: World,
    /// Watches those.
    pub(crate) observer: Observer,
    /// Those.
    pub(crate) hosts: Vec<Host>,
    /// What they were made from, in the same order.
    pub(crate) works: Vec<HostWork>,
    /// Wall clock.
    pub(crate) clock: Clock,
    /// What happens in the hosts.
    pub(crate) news: Letterbox,
    /// Programs, in order of time.
    pub(crate) programs: Vec<Program>,
    /// Set by a signal.
    pub(crate) interrupted: &'a AtomicBool,
    /// What only the kernel can tell.
    pub(crate) live: LiveRecord,
    /// Programs that have ended.
    pub(crate) ran: BTreeMap<usize, CommandRecord>,
    /// What applications wrote whose connection has sent no packet yet.
    pub(crate) early: Vec<News>,
}

impl Bridge<'_> {
    /// Carries packets until everything has ended, or to `limit`.
    ///
    /// # Errors
    /// A signal, or a failed wait.
    pub(crate) fn carry(
        &mut self,
        limit: SimTime,
        mut courtesy: Courtesy,
    ) -> Result<(), LiveError> {
        let _ = nix::sys::prctl::set_timerslack(1);
        self.world.begin();
        let mut buffer = vec![0; LARGEST];
        let mut arrivals = Vec::new();
        let mut scratch = Vec::new();
        let mut spare = Spare::default();
        let mut last_packet = self.clock.now();
        let mut over_since = None;
        let mut started = 0;
        let mut sleeper = Sleeper::default();
        let mut awake = Awake::start(self.clock);
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(LiveError::Interrupted);
            }
            let read = self.read_packets(&mut buffer, &mut spare);
            started += self.start_programs(started);
            self.take_news();
            self.world.advance(self.clock.now());
            self.give_orders();
            let wrote = self.write_packets(&mut arrivals, &mut scratch, &mut spare);
            let now = self.clock.now();
            if read || wrote {
                last_packet = now;
                awake.packet(now);
            }
            courtesy.keep(now, sleeper.slept());
            if now >= limit {
                break;
            }
            if self.is_over() {
                let since = *over_since.get_or_insert(now);
                let is_silent = now.since(last_packet) >= SILENCE;
                // Links may be longer than that.
                let mut is_idle =
                    || self.world.next_event_at().is_none_or(|at| at > now + ON_ITS_WAY);
                if is_silent && is_idle() || now.since(since) >= LONGEST_CLOSING {
                    break;
                }
            }
            if !read && !awake.may_spin(now) {
                let program = self.programs.get(started).map_or(SimTime::NEVER, |p| p.start);
                self.wait(&mut sleeper, limit.min(program))?;
            }
        }
        Ok(())
    }

    /// Stops the hosts, asks them for their last, and yields the record.
    pub(crate) fn conclude(mut self) -> RunRecord {
        self.hosts.clear(); // each tells its counters when it stops
        self.take_news();
        self.live.commands = std::mem::take(&mut self.ran).into_values().collect();
        self.observer.conclude(&mut self.world);
        let mut record = self.world.end();
        record.live = Some(self.live);
        record
    }

    fn is_over(&self) -> bool {
        let mut awaited = self.programs.iter().filter(|p| p.is_awaited);
        self.world.is_over() && awaited.all(|p| self.ran.contains_key(&p.plan.index))
    }

    /// What the kernels have sent goes into the world.
    fn read_packets(&mut self, buffer: &mut [u8], spare: &mut Spare) -> bool {
        let mut any = false;
        for h in 0..self.hosts.len() {
            for t in 0..self.hosts[h].tuns.len() {
                let mut bytes = 0;
                while bytes < READ {
                    let (port, tun) = &self.hosts[h].tuns[t];
                    let Some(len) = tun.read(buffer) else { break };
                    let (node, port) = (self.hosts[h].node, *port);
                    any = true;
                    bytes += len;
                    self.take_news(); // whose SYN it is was told before it was sent
                    self.world.advance(self.clock.now());
                    let (world, observer) = (&mut self.world, &mut self.observer);
                    let carried = offload::split(&buffer[..len], spare, |mut packet| {
                        observer.sent(world, node, &mut packet);
                        world.inject(node, port, packet);
                    });
                    // What is not TCP (a program's UDP) is not modelled: lost. Neighbour discovery
                    // and group membership, which no program asked for, do not count.
                    match carried {
                        Ok(()) | Err(ParseError::NotTcp(ICMPV6 | HOP_BY_HOP)) => {}
                        Err(_) => self.live.not_carried += 1,
                    }
                }
            }
        }
        any
    }

    /// What has reached the kernels is written to them.
    #[allow(clippy::vec_box)]
    fn write_packets(
        &mut self,
        arrivals: &mut Vec<(NodeId, u8, Box<Packet>)>,
        scratch: &mut Vec<u8>,
        spare: &mut Spare,
    ) -> bool {
        self.world.take_arrivals(arrivals);
        if arrivals.is_empty() {
            return false;
        }
        for (node, _, packet) in arrivals.iter() {
            self.observer.received(&mut self.world, *node, packet);
        }
        for called in self.observer.take_called() {
            if let Some(host) = self.hosts.iter().find(|h| h.node == called.host) {
                host.order(Order::Called {
                    connection: called.connection,
                    peer: called.peer,
                    is_connection: called.is_connection,
                });
            }
        }
        // By interface, each in its order.
        arrivals.sort_by_key(|(node, port, _)| (*node, *port));
        let mut batch: Vec<Box<Packet>> = Vec::new();
        let mut rest = arrivals.drain(..).peekable();
        while let Some((node, port, packet)) = rest.next() {
            batch.push(packet);
            let more = rest.peek().is_some_and(|next| (next.0, next.1) == (node, port));
            if more {
                continue;
            }
            if let Some(tun) = tun_of(&self.hosts, node, port) {
                offload::join(&mut batch, scratch, |parts| tun.write(parts));
            }
            for mut packet in batch.drain(..) {
                spare.keep(&mut packet.payload);
                self.world.recycle(packet);
            }
        }
        true
    }

    /// Starts the programs whose time has come; returns how many. `started` of them run already.
    fn start_programs(&self, started: usize) -> usize {
        let now = self.clock.now();
        let due = self.programs[started..].iter().take_while(|program| program.start <= now);
        due.map(|program| {
            if let Some(host) = self.hosts.iter().find(|h| h.node == program.host) {
                host.order(Order::Run(program.plan.clone()));
            }
        })
        .count()
    }

    fn take_news(&mut self) {
        for news in std::mem::take(&mut self.early) {
            self.tell(news);
        }
        for news in self.news.take() {
            match news {
                News::Opens { host, connection, local } => {
                    self.observer.expect(host, local, connection);
                }
                News::Ran { index, record } => {
                    self.ran.insert(index, record);
                }
                other => self.tell(other),
            }
        }
    }

    /// Tells the world what an application did.
    fn tell(&mut self, news: News) {
        match news {
            News::Wrote { who, at, upto } => match self.world.outside_end(who.0, who.1) {
                Some(id) => self.world.outside_wrote(id, at, upto),
                None => self.early.push(News::Wrote { who, at, upto }),
            },
            News::Read { who, at, bytes } => {
                if let Some(id) = self.world.outside_end(who.0, who.1) {
                    self.world.outside_read(id, at, bytes);
                }
            }
            News::Wrong { who, at, offset } => {
                let end = who.1;
                if let Some(outside) = self.outside(who) {
                    outside.wrong_at.get_or_insert(offset);
                    let fact = sim_core::record::story::Fact::WrongByte { offset };
                    let entry = sim_core::record::story::Entry {
                        at,
                        end,
                        subflow: None,
                        packet: None,
                        fact,
                    };
                    outside.story.push(entry);
                }
            }
            News::Samples { who, samples } => {
                if let Some(id) = self.world.outside_end(who.0, who.1) {
                    for (flow, sample) in samples {
                        self.world.outside_sampled(id, flow, sample);
                    }
                }
            }
            News::Info { who, is_mptcp, fields } => {
                if let Some(outside) = self.outside(who) {
                    outside.is_mptcp = is_mptcp;
                }
                let name = self.world.connections().find(|(id, _)| *id == who.0);
                if let Some((_, spec)) = name {
                    let end = if who.1 == End::Client { "client" } else { "server" };
                    self.live.sockets.insert(format!("{} {end}", spec.name), fields);
                }
            }
            News::Ended { who, at, completed } => {
                let known = self.world.outside_end(who.0, who.1);
                let host =
                    self.world.connections().find(|(id, _)| *id == who.0).map(|(_, spec)| {
                        if who.1 == End::Client { spec.client } else { spec.server }
                    });
                let Some(id) = known.or_else(|| {
                    // It ended before its first packet.
                    host.map(|host| self.world.add_outside_end(who.0, who.1, host))
                }) else {
                    return;
                };
                let life =
                    if completed { OutsideLife::Completed(at) } else { OutsideLife::Aborted(at) };
                self.world.outside_ended(id, life);
            }
            News::Counters { host, counters } => self.world.set_outside_counters(host, &counters),
            News::Opens { .. } | News::Ran { .. } => {}
        }
    }

    fn outside(
        &mut self,
        who: crate::host::Who,
    ) -> Option<&mut sim_core::engine::outside::OutsideEnd> {
        let id = self.world.outside_end(who.0, who.1)?;
        self.world.outside_mut(id)
    }

    /// What the script asks of the hosts.
    fn give_orders(&mut self) {
        for action in self.world.take_requests() {
            let (node, order) = match action {
                Action::Connect(id) => {
                    let spec = self.world.connections().find(|(c, _)| *c == id);
                    let Some((_, spec)) = spec else { continue };
                    (spec.client, Order::Connect(id))
                }
                Action::Abort { connection, end } => {
                    let spec = self.world.connections().find(|(c, _)| *c == connection);
                    let Some((_, spec)) = spec else { continue };
                    let host = if end == End::Client { spec.client } else { spec.server };
                    (host, Order::Abort((connection, end)))
                }
                Action::EndpointRemoved { host, address } => {
                    let Some(work) = self.work(host) else { continue };
                    (host, Order::Ip(setup::remove_endpoint(&work.plan, address)))
                }
                Action::AddressRemoved { host, address } => {
                    let Some(work) = self.work(host) else { continue };
                    (host, Order::Ip(setup::remove_address(&work.plan, address)))
                }
                Action::AddressAdded { host, address, .. } => {
                    let Some(work) = self.work(host) else { continue };
                    (host, Order::Ip(setup::add_address(&work.plan, address)))
                }
                Action::SetBackup { host, address, backup } => {
                    let Some(work) = self.work(host) else { continue };
                    (host, Order::Ip(setup::set_backup(&work.plan, address, backup)))
                }
                // Links and devices are the world's.
                _ => continue,
            };
            if let Some(host) = self.hosts.iter().find(|h| h.node == node) {
                host.order(order);
            }
        }
    }

    fn work(&self, node: NodeId) -> Option<&HostWork> {
        self.works.iter().find(|w| w.node == node)
    }

    /// Sleeps until a packet comes or the world has something to do.
    fn wait(&mut self, sleeper: &mut Sleeper, limit: SimTime) -> Result<(), LiveError> {
        let next = self.world.next_event_at().unwrap_or(SimTime::NEVER).min(limit);
        let tuns = self.hosts.iter().flat_map(|host| &host.tuns).map(|(_, tun)| tun.as_fd());
        sleeper.sleep(self.clock, next, tuns).doing(|| "wait for packets".into())
    }
}

fn tun_of(hosts: &[Host], node: NodeId, port: u8) -> Option<&Tun> {
    let host = hosts.iter().find(|h| h.node == node)?;
    host.tuns.iter().find(|(p, _)| *p == port).map(|(_, tun)| tun)
}
