//! What happens while a scenario runs.

use serde::Deserialize;
use sim_core::rng::Probability;
use sim_core::time::SimDuration;
use sim_core::units::BitRate;
use topologies::settings::{LinkChange, LossModel};

/// Something that happens at a time: `At("10 s", LinkDown("dsl"))`.
#[derive(Clone, Debug, Deserialize)]
pub enum Event {
    /// When, since the start of the run, and what.
    At(SimDuration, EventAction),
}

/// What happens. Links are named by their path, or by their own name where the topology gives one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum EventAction {
    /// The link carries nothing from now on; what is on it is lost.
    LinkDown(String),
    /// The link carries again.
    LinkUp(String),
    /// Another rate, both ways.
    SetRate(String, BitRate),
    /// Another delay, both ways.
    SetDelay(String, SimDuration),
    /// Another random loss, both ways.
    SetLoss(String, Probability),
    /// Any other settings: `SetLink("dsl", rate: "1 Mbps", loss_back: "2 %")`.
    SetLink(Box<LinkChange>),
    /// The device restarts and forgets its connections.
    Reload(String),
    /// An RST is injected into the first connection's subflow on this path, as if its server had sent it.
    InjectReset(String),
    /// A host no longer uses its address on a path for MPTCP, as after `ip mptcp endpoint delete`; it keeps the
    /// address. Of `Linux6` the endpoints are what it opens subflows from, announces (`signal`) or has for `backup`: where
    /// the address is none of these, nothing happens.
    EndpointRemoved(String, String),
    /// A host loses its address on a path, as after `ip address delete`, MPTCP loses it as an endpoint, and with an
    /// interface's last address go the routes over it. What is not MPTCP's endpoint waits for the address as TCP does.
    AddressRemoved(String, String),
    /// A host gets back its address on a path, for MPTCP too.
    AddressAdded(String, String),
    /// A host asks (or no longer asks) its peer to use a path as backup only.
    SetBackup(String, String, bool),
    /// The application at one end of a connection aborts it (MP_FASTCLOSE): `Abort("video", Client)`.
    Abort(String, Side),
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Side {
    /// The end that opened it.
    Client,
    /// The end that was called.
    Server,
}

impl From<Side> for sim_core::record::story::End {
    fn from(side: Side) -> Self {
        match side {
            Side::Client => Self::Client,
            Side::Server => Self::Server,
        }
    }
}

impl EventAction {
    /// Name of the link that it concerns, with its position between the parentheses.
    #[must_use]
    pub fn link(&self) -> Option<(&str, usize)> {
        match self {
            Self::LinkDown(link)
            | Self::LinkUp(link)
            | Self::SetRate(link, _)
            | Self::SetDelay(link, _)
            | Self::SetLoss(link, _)
            | Self::InjectReset(link) => Some((link, 0)),
            Self::SetLink(change) => Some((&change.name, 0)),
            Self::EndpointRemoved(_, path)
            | Self::AddressRemoved(_, path)
            | Self::AddressAdded(_, path)
            | Self::SetBackup(_, path, _) => Some((path, 1)),
            Self::Reload(_) | Self::Abort(..) => None,
        }
    }

    /// Name of the host that it concerns: always in the first position.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::EndpointRemoved(host, _)
            | Self::AddressRemoved(host, _)
            | Self::AddressAdded(host, _)
            | Self::SetBackup(host, _, _) => Some(host),
            _ => None,
        }
    }

    /// What the event changes of its link's settings, if that is what it does.
    #[must_use]
    pub fn change(&self) -> Option<LinkChange> {
        match self {
            Self::SetRate(link, rate) => {
                Some(LinkChange { rate: Some(*rate), ..LinkChange::of(link) })
            }
            Self::SetDelay(link, delay) => {
                Some(LinkChange { delay: Some(*delay), ..LinkChange::of(link) })
            }
            Self::SetLoss(link, p) => {
                Some(LinkChange { loss: Some(LossModel::Bernoulli(*p)), ..LinkChange::of(link) })
            }
            Self::SetLink(change) => Some((**change).clone()),
            _ => None,
        }
    }

    /// A few words, fit for a chart: `dsl down`.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::LinkDown(link) => format!("{link} down"),
            Self::LinkUp(link) => format!("{link} up"),
            Self::SetRate(link, rate) => format!("{link} {rate}"),
            Self::SetDelay(link, delay) => format!("{link} {delay}"),
            Self::SetLoss(link, p) => format!("{link} loss {p}"),
            Self::SetLink(change) => format!("{} changed", change.name),
            Self::Reload(device) => format!("{device} reload"),
            Self::InjectReset(path) => format!("RST on {path}"),
            Self::EndpointRemoved(host, path) => format!("{host} −endpoint {path}"),
            Self::AddressRemoved(host, path) => format!("{host} −{path}"),
            Self::AddressAdded(host, path) => format!("{host} +{path}"),
            Self::Abort(traffic, _) => format!("{traffic} aborted"),
            Self::SetBackup(host, path, true) => format!("{host} {path} backup"),
            Self::SetBackup(host, path, false) => format!("{host} {path} regular"),
        }
    }
}
