//! Which subflows to open, and the signals about addresses (RFC 8684 §3.4).

use std::net::{IpAddr, SocketAddr};

use super::config::PathManagerKind;
use super::counters::Counter;
use super::endpoint::{Endpoint, Io, Mode};
use super::stack::HostStack;
use super::subflow::{Fin, Proof, State, Subflow};
use crate::record::SubflowRole;
use crate::record::story::{End, Fact, ResetCause};
use crate::time::{SimDuration, SimTime};
use crate::wire::crypto::{MptcpVersion, add_addr_hmac};
use crate::wire::mptcp::{AddAddr, AddressIds, Dss, MptcpOption, ResetReason};
use crate::wire::options::Options;
use crate::wire::packet::Packet;

/// How often an ADD_ADDR that is not echoed is sent again (Linux's `ADD_ADDR_RETRANS_MAX`).
const ADD_ADDR_RETRIES: u32 = 3;

/// Addresses to announce, echoes and withdrawals to send, and what was joined already.
#[derive(Clone, Debug)]
pub(super) struct Announcements {
    /// Own addresses to announce: ID and address; the front is next, or waits for its echo.
    queue: Vec<(u8, IpAddr)>,
    /// The front has been sent so often.
    sent: u32,
    /// The front is due (first time or again).
    due: bool,
    /// When the front is sent again.
    pub(super) retry_at: SimTime,
    /// Echoes owed.
    echoes: Vec<AddAddr>,
    /// Withdrawals owed.
    removals: Vec<u8>,
    /// Pairs of own address and peer's address to which a subflow was opened.
    opened: Vec<(IpAddr, SocketAddr)>,
    /// An address of the peer that is new.
    fresh: Option<SocketAddr>,
    /// Linux would join one more (`accept_addr`).
    accepts: bool,
    started: bool,
    changed: bool,
    /// An own address whose subflows are about to be closed.
    leaving: Option<IpAddr>,
    /// The first subflow's address is known to be that of an endpoint, and that it is a backup has been told, or was not
    /// to be (Linux's `MPTCP_PM_MPC_ENDPOINT_ACCOUNTED`).
    knows_first: bool,
}

impl Default for Announcements {
    fn default() -> Self {
        Self {
            queue: Vec::new(),
            sent: 0,
            due: false,
            retry_at: SimTime::NEVER,
            echoes: Vec::new(),
            removals: Vec::new(),
            opened: Vec::new(),
            fresh: None,
            accepts: true,
            started: false,
            changed: false,
            leaving: None,
            knows_first: false,
        }
    }
}

impl Endpoint {
    /// Opens the subflows that the policy wants now, and starts announcing addresses; false when there is
    /// nothing new to do.
    #[inline]
    pub(super) fn manage_paths(&mut self, io: &mut Io<'_>) -> bool {
        let follows = self.mode == (Mode::Mptcp { certain: true }) && self.has_policy_to_follow();
        if follows {
            self.follow_policy(io);
        }
        follows
    }

    /// True when a connection that is MPTCP for certain has addresses to announce or to join.
    #[inline]
    pub(super) fn has_policy_to_follow(&self) -> bool {
        !self.announcements.started || self.announcements.changed
    }

    #[cold]
    fn follow_policy(&mut self, io: &mut Io<'_>) {
        if !self.announcements.started {
            self.announcements.started = true;
            let first = &self.subflows[0];
            self.announcements.opened = vec![(first.flow.src.ip(), first.flow.dst)];
            let known = first.flow.src;
            let is_at_another_port =
                self.config.path_manager.signal_port.is_some_and(|port| port != known.port());
            for &address in &self.config.path_manager.signal {
                // The peer knows the first subflow's address, but not at another port, where it has an ID of
                // its own (RFC 8684 §3.4.1).
                if io.host.is_endpoint(address) && (address != known.ip() || is_at_another_port) {
                    let id = io.host.address_id(address).unwrap_or(0);
                    self.announcements.queue.push((id, address));
                }
            }
            self.announcements.due = !self.announcements.queue.is_empty();
        }
        // The first SYN cannot say so. Linux comes to it only when there is something to announce, to join, or to make up
        // for (`mptcp_pm_fully_established`, `mptcp_mpc_endpoint_setup`, `mptcp_pm_subflow_check_next`).
        let manager = &self.config.path_manager;
        let joins = self.opens_joins()
            && manager.max_subflows > 0
            && manager.subflow.as_ref().is_none_or(|list| !list.is_empty());
        let has_work =
            !self.is_linux() || joins || self.announcements.changed || !manager.signal.is_empty();
        if has_work && !std::mem::replace(&mut self.announcements.knows_first, true) {
            let local = self.subflows[0].flow.src.ip();
            if self.is_backup(io.host, local) {
                self.subflows[0].backup = true;
                self.subflows[0].priority_pending = Some(true);
            }
        }
        self.announcements.changed = false;
        if self.end == End::Client && self.joins_allowed && self.takes_joins() {
            self.open_wanted(io);
        }
    }

    fn open_wanted(&mut self, io: &mut Io<'_>) {
        let mut wanted: Vec<(IpAddr, SocketAddr, u8)> = Vec::new();
        let host = &*io.host;
        let may_open = |address: &IpAddr| self.is_wished(*address) && host.is_endpoint(*address);
        let own = host.addresses.iter().map(|a| a.address).filter(may_open);
        match self.config.path_manager.kind {
            PathManagerKind::None => {}
            PathManagerKind::FullMesh => {
                for local in own {
                    for &(id, remote) in &self.remote_addresses {
                        wanted.push((local, remote, id));
                    }
                }
            }
            PathManagerKind::Endpoints => {
                let (_, first) = self.remote_addresses[0];
                for local in own.clone() {
                    wanted.push((local, first, 0));
                }
                let spared = self.joins_elsewhere();
                let initial = self.subflows[0].flow.src.ip();
                for &(id, remote) in self.remote_addresses.iter().skip(1) {
                    if spared {
                        let others = own.clone().filter(|&local| local != initial);
                        wanted.extend(others.map(|local| (local, remote, id)));
                    } else if let Some(local) = io.host.source_for(remote.ip()) {
                        wanted.push((local, remote, id));
                    }
                }
            }
            PathManagerKind::NdiffPorts(n) => {
                let first = self.subflows[0].flow;
                let have = self.subflows.len() as u32;
                for _ in have..n {
                    self.join(io, first.src.ip(), first.dst, 0);
                }
            }
        }
        // Linux joins an address that it has just heard of before it looks at its own, and asks afterwards whether
        // subflows are too many (`mptcp_pm_nl_work`, `mptcp_pm_nl_add_addr_received`).
        let fresh = self.announcements.fresh.take().filter(|_| self.is_linux());
        let mut uncounted = fresh;
        if let Some(fresh) = fresh {
            wanted.sort_by_key(|&(_, remote, _)| remote != fresh);
        }
        // The called address itself has returned: it is joined whatever the limits are.
        if fresh == Some(self.subflows[0].flow.dst) {
            self.rejoin_initial(io);
        }
        for (local, remote, id) in wanted {
            let full = self.joins() >= self.config.path_manager.max_subflows;
            if local.is_ipv4() != remote.is_ipv4()
                || self.announcements.opened.contains(&(local, remote))
                || (id == 0 && self.peer_forbids_initial)
                || (full && uncounted != Some(remote))
            {
                continue;
            }
            self.announcements.opened.push((local, remote));
            self.join(io, local, remote, id);
            if Some(remote) == fresh {
                uncounted = None;
                let limits = &self.config.path_manager;
                self.announcements.accepts = self.joins() < limits.max_subflows
                    && (self.remote_addresses.len() as u32) <= limits.max_add_addr_accepted;
            }
        }
    }

    /// Joins the address that was called again, which no subflow goes to any more (`mptcp_pm_nl_add_addr_received`).
    fn rejoin_initial(&mut self, io: &mut Io<'_>) {
        let remote = self.subflows[0].flow.dst;
        let locals: Vec<IpAddr> = match self.config.path_manager.kind {
            PathManagerKind::FullMesh => {
                let own = io.host.addresses.iter().map(|own| own.address);
                let may_open = |own: &IpAddr| {
                    own.is_ipv4() == remote.is_ipv4()
                        && self.is_wished(*own)
                        && io.host.is_endpoint(*own)
                };
                own.filter(may_open).collect()
            }
            _ => io.host.source_for(remote.ip()).into_iter().collect(),
        };
        for local in locals {
            self.join(io, local, remote, 0);
            if self.joins() >= self.config.path_manager.max_subflows {
                break;
            }
        }
    }

    /// True for the end that opens further subflows.
    fn opens_joins(&self) -> bool {
        self.end == End::Client && self.config.path_manager.kind != PathManagerKind::None
    }

    /// True for an own address from which they are to be opened.
    fn is_wished(&self, address: IpAddr) -> bool {
        let wished = self.config.path_manager.subflow.as_ref();
        wished.is_none_or(|list| list.contains(&address))
    }

    /// True for a host that accepts no announced address, of a peer that forbids the one that was called: it takes the
    /// first that is announced after all, and joins it from its own (`mptcp_pm_add_addr_c_flag_case`, since Linux 6.18).
    fn joins_elsewhere(&self) -> bool {
        self.is_linux()
            && self.peer_forbids_initial
            && self.config.path_manager.max_add_addr_accepted == 0
    }

    /// Joins that are open or being opened.
    fn joins(&self) -> u32 {
        let is_one = |s: &&Subflow| s.is_alive() && s.fin == Fin::No && s.role == SubflowRole::Join;
        self.subflows.iter().filter(is_one).count() as u32
    }

    /// A join is over, and leaves its place to another one (`mptcp_pm_subflow_check_next`).
    pub(super) fn join_is_over(&mut self) {
        self.announcements.changed |= self.is_linux();
    }

    /// False when [`Endpoint::take_signal`] has nothing for subflow `i`.
    #[inline(always)] // once for each packet
    pub(super) fn may_signal(&self, i: usize) -> bool {
        let (a, s) = (&self.announcements, &self.subflows[i]);
        s.fail_pending.is_some()
            || s.priority_pending.is_some()
            || a.due
            || !a.echoes.is_empty()
            || !a.removals.is_empty()
    }

    /// True when a signal waits that subflow `i` should carry.
    #[inline]
    pub(super) fn has_signal(&self, i: usize) -> bool {
        let s = &self.subflows[i];
        !self.is_plain()
            && self.may_signal(i)
            && (s.fail_pending.is_some()
                || s.priority_pending.is_some()
                || (s.can_carry() && self.is_mptcp() && self.first_carrier() == Some(i)))
    }

    /// The subflow that carries signals: a healthy one, if there is one, and none that is about to be left, but where no
    /// other is healthy (`mptcp_pm_addr_send_ack_avoid_list`).
    fn first_carrier(&self) -> Option<usize> {
        let healthy = |s: &Subflow| s.can_carry() && !s.tx.in_loss();
        let stays = |s: &Subflow| self.announcements.leaving != Some(s.flow.src.ip());
        let first = |is_such: &dyn Fn(&Subflow) -> bool| self.subflows.iter().position(is_such);
        first(&|s| healthy(s) && stays(s))
            .or_else(|| first(&healthy))
            .or_else(|| first(&|s| s.can_carry()))
    }

    /// The signal that an acknowledgement on subflow `i` should carry, as far as the option space that
    /// `used` leaves allows it.
    pub(super) fn take_signal(
        &mut self,
        now: SimTime,
        i: usize,
        used: &Options,
    ) -> Option<[Option<MptcpOption>; 2]> {
        let free = used.free();
        if let Some(dsn) = self.subflows[i].fail_pending.take() {
            self.counters.count(Counter::FailTx);
            return Some([Some(MptcpOption::Fail { dsn }), self.plain_data_ack()]);
        }
        let s = &self.subflows[i];
        // Linux puts what waits on any acknowledgement, of a subflow that it has closed, too
        // (mptcp_established_options).
        let closed_too = self.is_linux() && s.state == State::Established;
        if !(s.can_carry() || closed_too && s.proof == Proof::Complete) {
            return None;
        }
        if let Some(backup) = self.subflows[i].priority_pending.take() {
            self.counters.count(Counter::PrioTx);
            let prio = MptcpOption::Prio { backup, address_id: None };
            return Some([self.plain_data_ack(), Some(prio)]);
        }
        if let Some(echo) = self.announcements.echoes.pop() {
            self.counters.count(Counter::EchoAddTx);
            let option = MptcpOption::AddAddr(echo);
            let ack = if self.is_linux() { None } else { self.plain_data_ack() };
            return Some([Some(option), ack.filter(|a| fits(&[option, *a], free))]);
        }
        if !self.announcements.removals.is_empty() {
            let ids = std::mem::take(&mut self.announcements.removals);
            self.counters.count(Counter::RmAddrTx);
            let option = MptcpOption::RemoveAddr(AddressIds::new(&ids)?);
            return Some([self.plain_data_ack(), Some(option)]);
        }
        if self.announcements.due {
            return self.take_announcement(now, i, free);
        }
        None
    }

    fn take_announcement(
        &mut self,
        now: SimTime,
        i: usize,
        free: usize,
    ) -> Option<[Option<MptcpOption>; 2]> {
        let &(id, address) = self.announcements.queue.first()?;
        let v0 = self.version == MptcpVersion::V0;
        let remote = self.remote_key?;
        let port = self.config.path_manager.signal_port;
        let hmac = (!v0).then(|| add_addr_hmac(self.local_key, remote, id, address, port));
        let option =
            MptcpOption::AddAddr(AddAddr { v0, echo: false, address_id: id, address, port, hmac });
        self.announcements.due = false;
        if !fits(&[option], free) {
            self.counters.count(Counter::AddAddrTxDrop);
            self.next_announcement();
            return None;
        }
        self.announcements.sent += 1;
        self.counters.count(Counter::AddAddrTx);
        let port = port.unwrap_or(self.subflows[i].flow.src.port());
        let address = SocketAddr::new(address, port);
        self.tell(now, i, None, Fact::AddressAnnounced { address, id });
        if v0 {
            // No echo in v0: on to the next.
            self.next_announcement();
        } else {
            self.announcements.retry_at = now + self.announcement_timeout();
        }
        // Linux sends it alone (mptcp_established_options_add_addr: a pure ACK drops the others).
        let ack = if self.is_linux() { None } else { self.plain_data_ack() };
        Some([Some(option), ack.filter(|a| fits(&[option, *a], free))])
    }

    /// How long an announcement waits for its echo. Since Linux 6.18 that is the longest retransmission
    /// timeout of the subflows, doubled with each repetition; the setting is its most
    /// (`mptcp_adjust_add_addr_timeout`, `mptcp_pm_add_timer`).
    fn announcement_timeout(&self) -> SimDuration {
        let most = self.config.add_addr_timeout;
        if !self.is_linux() {
            return most;
        }
        let alive = self.subflows.iter().filter(|s| s.is_alive());
        let longest = alive.map(|s| s.tx.rtt.rto(0)).max().unwrap_or(most);
        longest.min(most) * (1 << (self.announcements.sent - 1))
    }

    fn next_announcement(&mut self) {
        self.announcements.queue.remove(0);
        self.announcements.sent = 0;
        self.announcements.retry_at = SimTime::NEVER;
        self.announcements.due = !self.announcements.queue.is_empty();
    }

    /// The echo of an ADD_ADDR did not come in time.
    pub(super) fn on_announcement_timer(&mut self, _io: &mut Io<'_>) {
        self.announcements.retry_at = SimTime::NEVER;
        if self.announcements.sent > ADD_ADDR_RETRIES {
            self.next_announcement();
        } else {
            self.announcements.due = true;
        }
    }

    fn plain_data_ack(&self) -> Option<MptcpOption> {
        if self.is_plain() {
            return None;
        }
        let ack = Some(self.ack_seq());
        Some(MptcpOption::Dss(Dss { data_fin: false, ack, mapping: None }))
    }

    /// ADD_ADDR came in: an echo of an own announcement, or an address of the peer.
    pub(super) fn on_add_addr(&mut self, io: &mut Io<'_>, i: usize, packet: &Packet, add: AddAddr) {
        if add.echo {
            self.counters.count(Counter::EchoAdd);
            if self.announcements.queue.first().is_some_and(|&(id, _)| id == add.address_id) {
                self.next_announcement();
            }
            return;
        }
        if self.version == MptcpVersion::V1 {
            let Some(remote) = self.remote_key else { return };
            let expected =
                add_addr_hmac(remote, self.local_key, add.address_id, add.address, add.port);
            if add.hmac != Some(expected) {
                return; // RFC 8684 §3.4.1: silently ignored
            }
            self.announcements.echoes.push(AddAddr { echo: true, hmac: None, ..add });
        }
        self.counters.count(Counter::AddAddr);
        if add.port.is_some() {
            self.counters.count(Counter::PortAdd);
        }
        let port = add.port.unwrap_or(self.subflows[0].flow.dst.port());
        let address = SocketAddr::new(add.address, port);
        if self.is_linux() && add.address_id == 0 {
            self.on_initial_announced(io, i, packet, address);
            return;
        }
        let known = self.remote_addresses.iter().any(|&(_, a)| a == address);
        let limits = &self.config.path_manager;
        let accepts = if self.is_linux() {
            self.opens_joins()
                && limits.max_subflows > 0
                && match limits.max_add_addr_accepted {
                    0 => self.joins_elsewhere() && self.subflows.len() == 1,
                    _ => self.announcements.accepts,
                }
        } else {
            (self.remote_addresses.len() as u32) <= limits.max_add_addr_accepted
        };
        if known || !accepts {
            return;
        }
        self.remote_addresses.push((add.address_id, address));
        self.announcements.fresh = Some(address);
        self.tell(io.now, i, Some(packet.uid), Fact::AddressLearnt { address, id: add.address_id });
        self.announcements.changed = true;
    }

    /// ADD_ADDR of the address that was called: it has returned. Another one of this ID is none (`mptcp_pm_add_addr_received`).
    fn on_initial_announced(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &Packet,
        address: SocketAddr,
    ) {
        let initial = self.subflows[0].flow.dst;
        if address != initial {
            return;
        }
        self.announcements.changed = true;
        let goes_there = |s: &Subflow| s.is_alive() && s.fin == Fin::No && s.flow.dst == initial;
        if !self.subflows.iter().any(goes_there) {
            self.announcements.fresh = Some(initial);
            self.tell(io.now, i, Some(packet.uid), Fact::AddressLearnt { address, id: 0 });
        }
    }

    /// REMOVE_ADDR came in: subflows to those addresses are closed (RFC 8684 §3.4.2).
    pub(super) fn on_remove_addr(&mut self, io: &mut Io<'_>, ids: &[u8]) {
        for &id in ids {
            self.counters.count(Counter::RmAddr);
            let gone = self.remote_addresses.iter().find(|&&(known, _)| known == id && id != 0);
            if let Some(&(_, gone)) = gone {
                // Announced again, it may be joined again.
                self.announcements.opened.retain(|&(_, remote)| remote != gone);
                self.remote_addresses.retain(|&(known, _)| known != id);
                self.announcements.accepts = true; // mptcp_pm_nl_rm_addr
            }
            self.tell(io.now, 0, None, Fact::AddressRemoved { id });
            for i in 0..self.subflows.len() {
                let s = &self.subflows[i];
                // Linux leaves the last one, too (`mptcp_pm_rm_addr_or_subflow`).
                let may_leave = self.is_linux() || self.other_carrier(i);
                if s.is_alive() && s.remote_id == id && may_leave {
                    self.leave_subflow(io, i);
                }
            }
        }
    }

    /// Ends subflow `i` for an address that was withdrawn: by an RST, or in Linux by a FIN, without a word where nobody has
    /// answered yet (`mptcp_pm_rm_addr_or_subflow`, `__mptcp_close_ssk`).
    fn leave_subflow(&mut self, io: &mut Io<'_>, i: usize) {
        let is_linux = self.is_linux();
        match self.subflows[i].state {
            State::SynSent if is_linux => {
                self.tell(io.now, i, None, Fact::SubflowLeft);
                self.give_up_unanswered(io, i);
            }
            State::Established if is_linux => {
                if self.subflows[i].fin == Fin::No {
                    self.tell(io.now, i, None, Fact::SubflowLeft);
                    self.close_alone(io, i, Fin::FollowsToLeave);
                }
            }
            _ => {
                let reason = Some(ResetReason::UNSPECIFIED);
                self.reset_subflow(io, i, ResetCause::AddressRemoved, reason);
            }
        }
    }

    pub(super) fn other_carrier(&self, i: usize) -> bool {
        self.subflows.iter().enumerate().any(|(j, s)| j != i && s.can_carry())
    }

    /// MP_PRIO came in: the peer's wish for the subflow it came over (RFC 8684 §3.3.8).
    pub(super) fn on_priority(
        &mut self,
        io: &mut Io<'_>,
        i: usize,
        packet: &Packet,
        backup: bool,
        address_id: Option<u8>,
    ) {
        self.counters.count(Counter::PrioRx);
        let target = match address_id {
            Some(id) => self.subflows.iter().position(|s| s.remote_id == id).unwrap_or(i),
            None => i,
        };
        self.subflows[target].backup = backup;
        self.tell(io.now, target, Some(packet.uid), Fact::PriorityChanged { backup });
    }

    /// An own address is used no more: its subflows end, the peer is told. A connection that is not MPTCP, or not yet, stays
    /// as it is, as TCP does: what it sends goes nowhere, until the address returns.
    pub fn remove_address(&mut self, io: &mut Io<'_>, address: IpAddr) {
        if !self.is_mptcp() || !self.is_managed(address) {
            return;
        }
        // Linux knows by its ID which endpoint goes, and may not have seen that the first subflow is of it.
        let is_first = self.subflows[0].flow.src.ip() == address;
        let is_unseen = self.is_linux() && is_first && !self.announcements.knows_first;
        let id = match is_unseen {
            true => io.host.address_id(address).unwrap_or(0),
            false => self.address_id(io.host, address),
        };
        // Linux tells it before it closes subflows (`mptcp_nl_remove_subflow_and_signal_addr`).
        if self.is_linux() {
            self.announcements.removals.push(id);
            self.announcements.leaving = (!is_unseen).then_some(address);
            self.flush_acks(io);
            self.announcements.leaving = None;
        }
        for i in 0..self.subflows.len() {
            let is_its = self.subflows[i].flow.src.ip() == address && !is_unseen;
            if self.subflows[i].is_alive() && is_its {
                self.counters.count(Counter::RmSubflow);
                self.leave_subflow(io, i);
            }
        }
        // Of the first subflow Linux keeps what it had, which a full mesh does not open again (`__mptcp_close_ssk`,
        // `fill_remote_addresses_fullmesh`).
        let first = (self.subflows[0].flow.src.ip(), self.subflows[0].flow.dst);
        let is_mesh = self.config.path_manager.kind == PathManagerKind::FullMesh;
        let is_kept = self.is_linux() && is_mesh;
        self.announcements.opened.retain(|pair| pair.0 != address || is_kept && *pair == first);
        if !self.is_linux() {
            self.announcements.removals.push(id);
        }
        self.push(io);
        self.flush_acks(io);
    }

    /// An own address appeared.
    pub fn add_address(&mut self, io: &mut Io<'_>, address: IpAddr) {
        self.announcements.changed = true;
        // Before, nothing was announced yet (`mptcp_nl_add_subflow_or_signal_addr`).
        if self.mode != (Mode::Mptcp { certain: true }) {
            return;
        }
        if self.config.path_manager.signal.contains(&address) {
            let id = self.address_id(io.host, address);
            self.announcements.queue.push((id, address));
            self.announcements.due |= self.announcements.retry_at == SimTime::NEVER;
        }
        self.manage_paths(io);
        self.push(io);
        self.flush_acks(io);
    }

    /// True for an own address that the path manager has to do with. Linux's knows those that it was told of, as endpoints to
    /// open subflows from, to announce, or for backup (`ip mptcp endpoint add`); what becomes of others is TCP's.
    fn is_managed(&self, address: IpAddr) -> bool {
        let manager = &self.config.path_manager;
        let opens = self.opens_joins() && self.is_wished(address);
        let is_told =
            opens || manager.signal.contains(&address) || manager.backup.contains(&address);
        !self.is_linux() || is_told
    }

    /// True for an own address that is a backup now.
    pub(super) fn is_backup(&self, host: &HostStack, address: IpAddr) -> bool {
        let configured = self.config.path_manager.backup.contains(&address);
        self.is_managed(address) && host.is_backup(address, configured)
    }

    /// Changes the priority of the subflows from an own address, and tells the peer (MP_PRIO). Of several Linux takes the
    /// first, and none where nothing changes (`mptcp_pm_mp_prio_send_ack`, `mptcp_pm_nl_set_flags`).
    pub fn set_backup(&mut self, io: &mut Io<'_>, address: IpAddr, backup: bool) {
        if !self.is_managed(address)
            || self.is_linux() && self.is_backup(io.host, address) == backup
        {
            return;
        }
        let speaks = self.is_mptcp();
        let most = if self.is_linux() { 1 } else { usize::MAX };
        let is_meant =
            |s: &&mut Subflow| s.state == State::Established && s.flow.src.ip() == address;
        for s in self.subflows.iter_mut().filter(is_meant).take(most) {
            s.backup = backup;
            s.priority_pending = speaks.then_some(backup);
        }
        self.push(io);
        self.flush_acks(io);
    }
}

/// True when both options, padded, fit into `free` bytes.
fn fits(options: &[MptcpOption], free: usize) -> bool {
    options.iter().map(MptcpOption::buffer_len).sum::<usize>().next_multiple_of(4) <= free
}
