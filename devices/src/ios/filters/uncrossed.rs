//! What access lists permit and does not cross the box: connections to addresses of its own end there, and of those to hosts
//! whose answers are translated there are none.

use std::sync::Arc;

use sim_core::wire::packet::{Flags, Flow};

use crate::audit::{Because, Effect};
use crate::ios::audit::Probes;
use crate::ios::translated_answers::translating;
use crate::ios::{Interface, IosConfig, Named, Through};

use super::Family;

impl Probes {
    /// What the list of an interface permits to addresses of the box itself.
    pub(super) fn try_own(&mut self, family: Family, interface: &Interface, direction: &str) {
        let config = Arc::clone(&self.config);
        let Some((group, permitted)) = permitted(&config, family, interface) else { return };
        if let Some(flow) = permitted.into_iter().find(|flow| self.own.answer(flow.dst)) {
            let address = flow.dst.ip();
            let rule =
                format!("{address} is an address of the box itself: the connection ends there");
            let because = vec![Because::line(&group.place, rule)];
            let traffic = format!("{} to the box itself that is permitted", family.tcp());
            self.say(traffic, direction, Effect::Terminate, because);
        }
    }

    /// What the list of an interface permits to hosts whose answers are translated.
    pub(super) fn try_translated(
        &mut self,
        family: Family,
        interface: &Interface,
        direction: &str,
    ) {
        let config = Arc::clone(&self.config);
        let Some((_, permitted)) = permitted(&config, family, interface) else { return };
        let lost = permitted.into_iter().find_map(|flow| {
            Some((flow, translating(&config, &self.nat, interface, flow)?.clone()))
        });
        if let Some((flow, place)) = lost {
            let rule = format!(
                "what {} answers is translated: the client is answered by an address that it has not called",
                flow.dst.ip()
            );
            let because = vec![Because::line(&place, rule)];
            let traffic =
                format!("{} that is permitted to hosts whose answers are translated", family.tcp());
            self.say(traffic, direction, Effect::Drop, because);
        }
    }

    /// True for a connection from an interface that crosses the box, or that the list refuses which it meets first.
    pub(super) fn crosses_or_is_refused(
        &self,
        family: Family,
        from: &Interface,
        flow: Flow,
    ) -> bool {
        let ends =
            self.own.answer(flow.dst) || translating(&self.config, &self.nat, from, flow).is_some();
        let group = family.lists(from)[Through::In as usize].as_ref();
        let list = group.and_then(|group| self.config.access_lists.get(&group.name));
        let refuses = list
            .filter(|list| list.has_entries)
            .is_some_and(|list| list.matching(flow, Flags::SYN).is_none_or(|entry| !entry.permit));
        !ends || refuses
    }
}

/// The list of what an interface takes in, and connections that it permits for certain.
fn permitted<'c>(
    config: &'c IosConfig,
    family: Family,
    interface: &'c Interface,
) -> Option<(&'c Named, Vec<Flow>)> {
    let group = family.lists(interface)[Through::In as usize].as_ref()?;
    let list = config.access_lists.get(&group.name)?;
    let is_permitted = |flow: &Flow| {
        Family::of(flow.dst.ip()) == family
            && list.doubt(["", ""], *flow, Flags::SYN).is_none()
            && list.matching(*flow, Flags::SYN).is_some_and(|entry| entry.permit)
    };
    Some((group, list.samples().into_iter().filter(is_permitted).collect()))
}
