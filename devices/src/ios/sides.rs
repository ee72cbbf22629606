//! Which interface is towards the clients and which towards the servers.

use sim_core::engine::device::Side;

use crate::config::{ConfigText, Diagnostics};

use super::{Interface, IosConfig};

impl IosConfig {
    /// The interface towards the clients and that towards the servers: as the scenario names them, as
    /// the text tells them apart, or else the one that is left of two.
    pub(crate) fn sides(&self, given: [Option<&str>; 2]) -> [Option<Interface>; 2] {
        let told = |side: Side| {
            let by = |tell: &dyn Fn(&Interface) -> Option<Side>| {
                self.interfaces.iter().find(|i| tell(i) == Some(side))
            };
            by(&|i| i.nat)
                .or_else(|| by(&|i| self.zones.tell(i)))
                .or_else(|| by(&|i| self.inspection_tells(i)))
                .or_else(|| by(&|i| self.classification_tells(i)))
        };
        let [inside, outside] = given.map(|name| name.and_then(|name| self.interface(name)));
        let inside = inside.or_else(|| told(Side::Inside));
        let outside = outside.or_else(|| told(Side::Outside));
        let other_than = |known: &Interface| {
            let mut rest = self.interfaces.iter().filter(|i| i.has_address && i.name != known.name);
            rest.next().filter(|_| rest.next().is_none())
        };
        let both = match (inside, outside) {
            (Some(inside), None) => [Some(inside), other_than(inside)],
            (None, Some(outside)) => [other_than(outside), Some(outside)],
            // What tells one side must not be named as the other.
            (Some(inside), Some(outside)) if inside.name == outside.name => match given {
                [Some(_), _] => [Some(inside), other_than(inside)],
                _ => [other_than(outside), Some(outside)],
            },
            both => [both.0, both.1],
        };
        both.map(|i| i.cloned())
    }

    /// An access list tells sides only where no inspection does: both sides may have one.
    fn inspection_tells(&self, interface: &Interface) -> Option<Side> {
        let inspects = |i: &Interface| i.inspect.iter().any(Option::is_some);
        match &interface.inspect {
            [_, Some(_)] => Some(Side::Outside),
            [Some(_), None] => Some(Side::Inside),
            [None, None] if self.interfaces.iter().any(inspects) => None,
            [None, None] => interface.access[0].as_ref().map(|_| Side::Outside),
        }
    }

    /// Traffic is classified towards the provider, where only one interface does it.
    fn classification_tells(&self, interface: &Interface) -> Option<Side> {
        let classifies =
            |i: &&Interface| i.discovery.is_some() || i.service.iter().any(Option::is_some);
        let alone = self.interfaces.iter().filter(classifies).count() == 1;
        (alone && classifies(&interface)).then_some(Side::Outside)
    }

    /// Says which interfaces that the scenario names are not there.
    pub(crate) fn check_given(
        &self,
        given: [Option<&str>; 2],
        text: ConfigText<'_>,
        found: &mut Diagnostics,
    ) {
        let all = text.lines();
        let Some(first) = all.first() else { return };
        for name in given.into_iter().flatten().filter(|name| self.interface(name).is_none()) {
            let known: Vec<&str> = self.interfaces.iter().map(|i| &*i.name).collect();
            found
                .error(first, "", format!("this configuration has no interface {name}"))
                .help(format!("it has {}", known.join(", ")));
        }
    }
}
