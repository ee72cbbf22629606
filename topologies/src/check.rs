//! What can be wrong with a topology that each of its parts does not show by itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::settings::{Family, mtu_problem};
use crate::shape::{FatTree, Graph, LoadBalanced, MultiPath, Path, SharedBottleneck, Topology};

/// One step into a topology as the scenario file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// A field.
    Field(&'static str),
    /// An element of a list or tuple.
    Index(usize),
}

use Position::{Field, Index};

/// Something wrong at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, from the topology's own parentheses on.
    pub at: Vec<Position>,
    /// What, in one line.
    pub message: String,
    /// A few words beside the mark.
    pub label: String,
    /// The name that is not known, and those that are.
    pub unknown: Option<(String, Vec<String>)>,
}

impl Problem {
    fn new(at: &[Position], message: impl Into<String>, label: &str) -> Self {
        Self { at: at.to_vec(), message: message.into(), label: label.into(), unknown: None }
    }

    fn unknown(at: &[Position], what: &str, name: &str, known: &BTreeSet<&str>) -> Self {
        Self {
            unknown: Some((name.into(), known.iter().map(|&name| name.into()).collect())),
            ..Self::new(at, format!("there is no {what} \"{name}\""), "not defined")
        }
    }
}

/// More paths than this are a mistake; a device that stands in all of them has two ports in each.
const MAX_PATHS: usize = 100;

/// Ports of a router or switch.
const MAX_PORTS: usize = 250;

impl Topology {
    /// Hosts, in a fixed order.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let pair = |server: &str| vec!["client".to_owned(), server.to_owned()];
        match self {
            Self::MultiPath(_) => pair("server"),
            Self::SharedBottleneck(shape) => {
                let ends = |pair: &crate::shape::Pair| [pair.client.clone(), pair.server.clone()];
                shape.pairs.iter().flat_map(ends).collect()
            }
            Self::LoadBalanced(shape) => {
                let servers = shape.servers.iter().map(|(name, _)| name.clone());
                std::iter::once("client".to_owned()).chain(servers).collect()
            }
            Self::FatTree(shape) => (1..=shape.hosts()).map(|i| format!("h{i}")).collect(),
            Self::Graph(shape) => shape.hosts.clone(),
        }
    }

    /// What traffic may call besides a host: a balancer, for its virtual address.
    #[must_use]
    pub fn virtual_host(&self) -> Option<&str> {
        match self {
            Self::LoadBalanced(shape) => Some(&shape.balancer),
            _ => None,
        }
    }

    /// Names that events and subflows know: paths, or links where the shape names those.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        match self {
            Self::MultiPath(MultiPath { paths })
            | Self::LoadBalanced(LoadBalanced { paths, .. }) => {
                paths.iter().map(|path| path.name.clone()).collect()
            }
            Self::SharedBottleneck(shape) => {
                let access = shape.pairs.iter().flat_map(|pair| {
                    (1..=pair.links).map(|i| SharedBottleneck::access_name(pair, i))
                });
                std::iter::once(shape.bottleneck.name.clone()).chain(access).collect()
            }
            Self::FatTree(shape) => shape.link_names(),
            Self::Graph(shape) => shape.links.iter().map(|link| link.name.clone()).collect(),
        }
    }

    /// Whether a device stands anywhere in it.
    #[must_use]
    pub fn uses(&self, device: &str) -> bool {
        let on = |paths: &[Path]| paths.iter().flat_map(|path| &path.devices).any(|d| d == device);
        match self {
            Self::MultiPath(shape) => on(&shape.paths),
            Self::LoadBalanced(shape) => shape.balancer == device || on(&shape.paths),
            Self::SharedBottleneck(shape) => shape.bottleneck.devices.iter().any(|d| d == device),
            Self::FatTree(_) => false,
            Self::Graph(shape) => shape
                .links
                .iter()
                .flat_map(Graph::ends)
                .filter_map(DeviceSide::parse)
                .any(|side| side.device == device),
        }
    }

    /// Everything that is wrong, where `devices` are the names that the scenario defines.
    #[must_use]
    pub fn problems<'a>(&self, devices: impl IntoIterator<Item = &'a str>) -> Vec<Problem> {
        let devices: BTreeSet<&str> = devices.into_iter().collect();
        let mut problems = Vec::new();
        match self {
            Self::MultiPath(shape) => check_paths(&shape.paths, &devices, &mut problems),
            Self::SharedBottleneck(shape) => shape.check(&devices, &mut problems),
            Self::LoadBalanced(shape) => shape.check(&devices, &mut problems),
            Self::FatTree(shape) => shape.check(&mut problems),
            Self::Graph(shape) => shape.check(&devices, &mut problems),
        }
        problems
    }
}

fn check_paths(paths: &[Path], devices: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
    if paths.is_empty() || paths.len() > MAX_PATHS {
        let message = format!("a topology has from 1 to {MAX_PATHS} paths, not {}", paths.len());
        problems.push(Problem::new(&[Field("paths")], message, "here"));
    }
    let mut seen = BTreeSet::new();
    for (i, path) in paths.iter().enumerate() {
        let here = [Field("paths"), Index(i)];
        check_name(&path.name, "path", &mut seen, &here, problems);
        check_devices(&path.devices, devices, &here, problems);
        check_settings(path.faults(), &here, problems);
        if let Some(message) = mtu_problem(path.interface_mtu) {
            let at = [here[0], here[1], Field("interface_mtu")];
            problems.push(Problem::new(&at, message, "here"));
        }
    }
}

fn check_name<'a>(
    name: &'a str,
    what: &str,
    seen: &mut BTreeSet<&'a str>,
    here: &[Position],
    problems: &mut Vec<Problem>,
) {
    let at = [here, &[Field("name")]].concat();
    if name.trim().is_empty() {
        problems.push(Problem::new(&at, format!("a {what} needs a name"), "empty"));
    } else if !seen.insert(name) {
        let message = format!("two {what}s are called \"{name}\"");
        problems.push(Problem::new(&at, message, "the second one"));
    }
}

fn check_devices(
    uses: &[String],
    devices: &BTreeSet<&str>,
    here: &[Position],
    problems: &mut Vec<Problem>,
) {
    for (i, name) in uses.iter().enumerate() {
        let at = [here, &[Field("devices"), Index(i)]].concat();
        if !devices.contains(name.as_str()) {
            problems.push(Problem::unknown(&at, "device", name, devices));
        } else if uses[..i].contains(name) {
            let message = format!("\"{name}\" stands twice on one path");
            problems.push(Problem::new(&at, message, "the second time"));
        }
    }
}

fn check_settings(
    faults: Vec<(&'static str, String, &'static str)>,
    here: &[Position],
    problems: &mut Vec<Problem>,
) {
    for (field, message, label) in faults {
        problems.push(Problem::new(&[here, &[Field(field)]].concat(), message, label));
    }
}

impl SharedBottleneck {
    /// Name of the `i`-th access link (from 1) of a pair: the client's, with a number where it has more.
    #[must_use]
    pub fn access_name(pair: &crate::shape::Pair, i: u8) -> String {
        if pair.links == 1 { pair.client.clone() } else { format!("{}-{i}", pair.client) }
    }

    fn check(&self, devices: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
        let here = [Field("bottleneck")];
        let mut names = BTreeSet::new();
        check_name(&self.bottleneck.name, "link", &mut names, &here, problems);
        check_devices(&self.bottleneck.devices, devices, &here, problems);
        check_settings(self.bottleneck.faults(), &here, problems);
        if self.pairs.is_empty() || self.pairs.len() > MAX_PATHS {
            let message =
                format!("there are from 1 to {MAX_PATHS} pairs, not {}", self.pairs.len());
            problems.push(Problem::new(&[Field("pairs")], message, "here"));
        }
        let links: usize = self.pairs.iter().map(|pair| usize::from(pair.links)).sum();
        if links > MAX_PORTS {
            let message = format!("{links} access links are more than the {MAX_PORTS} of a router");
            problems.push(Problem::new(&[Field("pairs")], message, "here"));
        }
        let mut hosts = BTreeSet::new();
        for (i, pair) in self.pairs.iter().enumerate() {
            let here = [Field("pairs"), Index(i)];
            check_settings(pair.faults(), &here, problems);
            for (field, name) in [("client", &pair.client), ("server", &pair.server)] {
                if !hosts.insert(name.as_str()) {
                    let at = [here[0], here[1], Field(field)];
                    let message = format!("two hosts are called \"{name}\"");
                    problems.push(Problem::new(&at, message, "the second one"));
                }
            }
            if !(1..=100).contains(&pair.links) {
                let at = [here[0], here[1], Field("links")];
                let message = format!("a host has from 1 to 100 access links, not {}", pair.links);
                problems.push(Problem::new(&at, message, "here"));
            }
        }
    }
}

impl LoadBalanced {
    fn check(&self, devices: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
        check_paths(&self.paths, devices, problems);
        if !devices.contains(self.balancer.as_str()) {
            let at = [Field("balancer")];
            problems.push(Problem::unknown(&at, "device", &self.balancer, devices));
        }
        if self.servers.is_empty() || self.servers.len() > MAX_PATHS {
            let message = format!(
                "a balancer has from 1 to {MAX_PATHS} real servers, not {}",
                self.servers.len()
            );
            problems.push(Problem::new(&[Field("servers")], message, "here"));
        }
        let mut names = BTreeSet::from(["client"]);
        let mut addresses: BTreeSet<IpAddr> = self.vip.into_iter().collect();
        let family = self.servers.first().map(|(_, address)| address.is_ipv4());
        for (i, path) in self.paths.iter().enumerate() {
            if family.is_some_and(|v4| v4 != (path.family == Family::V4)) {
                let at = [Field("paths"), Index(i), Field("family")];
                let message =
                    format!("the real servers have no address of the family of \"{}\"", path.name);
                problems.push(Problem::new(&at, message, "another family than the servers'"));
            }
        }
        for (i, (name, address)) in self.servers.iter().enumerate() {
            let here = [Field("servers"), Index(i)];
            if !names.insert(name) {
                let message = format!("two hosts are called \"{name}\"");
                let at = [here[0], here[1], Index(0)];
                problems.push(Problem::new(&at, message, "the second one"));
            }
            let at = [here[0], here[1], Index(1)];
            if !addresses.insert(*address) {
                let message = format!("the address {address} is used twice");
                problems.push(Problem::new(&at, message, "the second time"));
            }
            if Some(address.is_ipv4()) != family {
                let message = "all real servers have addresses of one family";
                problems.push(Problem::new(&at, message, "of another family"));
            }
        }
    }
}

impl FatTree {
    /// Number of hosts.
    #[must_use]
    pub const fn hosts(&self) -> u32 {
        let half = self.k as u32 / 2;
        half * half * self.k as u32
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        if !(2..=16).contains(&self.k) || self.k % 2 == 1 {
            let message = format!("k is an even number from 2 to 16, not {}", self.k);
            problems.push(Problem::new(&[Field("k")], message, "here"));
        }
        check_settings(self.links.faults(), &[Field("links")], problems);
    }
}

impl Graph {
    fn check(&self, devices: &BTreeSet<&str>, problems: &mut Vec<Problem>) {
        let mut nodes = BTreeSet::new();
        let lists =
            [("hosts", &self.hosts), ("routers", &self.routers), ("switches", &self.switches)];
        for (field, names) in lists {
            for (i, name) in names.iter().enumerate() {
                if !nodes.insert(name.as_str()) || devices.contains(name.as_str()) {
                    let at = [Field(field), Index(i)];
                    let message = format!("two nodes are called \"{name}\"");
                    problems.push(Problem::new(&at, message, "the second one"));
                }
            }
        }
        let mut known = nodes.clone();
        known.extend(devices);
        let mut names = BTreeSet::new();
        let mut sides = BTreeSet::new();
        for (i, link) in self.links.iter().enumerate() {
            let here = [Field("links"), Index(i)];
            check_name(&link.name, "link", &mut names, &here, problems);
            check_settings(link.faults(), &here, problems);
            for (field, end) in [("from", &link.from), ("to", &link.to)] {
                let at = [here[0], here[1], Field(field)];
                match DeviceSide::parse(end) {
                    _ if nodes.contains(end.as_str()) => {}
                    Some(side) if devices.contains(side.device) => {
                        if !sides.insert((side.device, side.port)) {
                            let message = format!("\"{end}\" is connected twice");
                            problems.push(Problem::new(&at, message, "the second time"));
                        }
                    }
                    _ if devices.contains(end.as_str()) => {
                        let message = format!("on which side of \"{end}\"?");
                        let label = "write .inside or .outside after the name";
                        problems.push(Problem::new(&at, message, label));
                    }
                    _ => problems.push(Problem::unknown(&at, "node", end, &known)),
                }
            }
            if link.from == link.to {
                let message = format!("\"{}\" leads back to where it begins", link.name);
                problems.push(Problem::new(&here, message, "here"));
            }
        }
        if self.links.len() > MAX_PORTS {
            let message =
                format!("a graph has at most {MAX_PORTS} links, not {}", self.links.len());
            problems.push(Problem::new(&[Field("links")], message, "here"));
        } else if problems.is_empty() {
            self.check_networks(problems);
        }
    }

    /// Networks: one family each; where a switch connects more than two, at most one router, because
    /// what a switch floods every router would pass on.
    fn check_networks(&self, problems: &mut Vec<Problem>) {
        for subnet in self.subnets() {
            for &link in &subnet.links {
                if self.links[link].family != subnet.family {
                    let at = [Field("links"), Index(link), Field("family")];
                    let message = "links of one network have one address family";
                    problems.push(Problem::new(&at, message, "another than the network's first"));
                }
            }
            let routers =
                subnet.attachments.iter().filter(|at| self.routers.contains(&at.node)).count();
            if subnet.attachments.len() > 2 && routers > 1 {
                let at = [Field("links"), Index(subnet.links[0])];
                let message = "a switch that connects more than two nodes can have one router only";
                problems.push(Problem::new(&at, message, "on this network"));
            }
        }
    }
}

/// An end of a link at a device: `edge.inside`, `edge.outside2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSide<'a> {
    /// Name of the device.
    pub device: &'a str,
    /// The port: inside even, outside odd, two for each pair.
    pub port: u8,
}

impl<'a> DeviceSide<'a> {
    /// Reads `NAME.inside`, `NAME.outside`, or one of them with the number of the pair (from 1).
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (device, side) = text.rsplit_once('.')?;
        let (odd, number) = match (side.strip_prefix("inside"), side.strip_prefix("outside")) {
            (Some(number), _) => (0, number),
            (_, Some(number)) => (1, number),
            _ => return None,
        };
        let pair: u8 = if number.is_empty() { 1 } else { number.parse().ok()? };
        (1..=100).contains(&pair).then(|| Self { device, port: 2 * (pair - 1) + odd })
    }
}
