//! A router's rules, asked for one connection at a time: what an audit says of a class of traffic, said of a
//! packet.

use sim_core::wire::packet::Flow;

use crate::audit::Effect;
use crate::config::{ConfigDiagnostic, ConfigText, Diagnostics};
use crate::neighbours::linux::{Linux, rules_of};
use crate::spec::DeviceContext;

use super::verdicts::Tried;
use super::ways::{End, Way};

/// A Linux router with netfilter that connections are tried through, one after another; none is remembered.
#[derive(Debug)]
pub struct Netfilter {
    tried: Tried,
}

impl Netfilter {
    /// The router with these rules of iptables or nftables, and what of them is not modelled.
    ///
    /// # Errors
    /// Rules that iptables would refuse.
    pub fn read(
        text: ConfigText<'_>,
    ) -> Result<(Self, Vec<ConfigDiagnostic>), Vec<ConfigDiagnostic>> {
        let mut found = Diagnostics::new(text.file);
        let mut rules = rules_of(text, &mut found);
        rules.take_bridged();
        let warnings = found.into_result()?;
        let context = DeviceContext { name: "linux", seed: 1, default_farm: None };
        let linux = Linux { translates: true, ..Linux::new(rules, &context) };
        Ok((Self { tried: Tried::of(linux) }, warnings))
    }

    /// What becomes of a connection that is forwarded from one interface to another; nothing where a rule
    /// makes it one of this host.
    pub fn forwarded(&mut self, from: &str, to: &str, flow: Flow) -> Option<Effect> {
        let names = [from, to].map(str::to_owned);
        self.tried.alone(&Way { names, end: End::Neither }, flow)
    }

    /// What becomes of a connection to this host itself; nothing where a rule sends it elsewhere.
    pub fn for_host(&mut self, from: &str, flow: Flow) -> Option<Effect> {
        let names = [from, ""].map(str::to_owned);
        self.tried.alone(&Way { names, end: End::Called }, flow)
    }
}
