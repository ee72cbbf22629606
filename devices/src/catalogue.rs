//! The catalogue: every model, what it does to MPTCP, and how sure that is.

use crate::neighbours::{linux, panos, snort};
use crate::{
    ace, asa, asr5000, cbac, cgn, custom, ftd, ips, nat, nbar, router, switch, waas, zbfw,
};

/// Stands where a source would: common knowledge of the product that was not looked up again.
pub(crate) const RECALLED: &str = "recalled, not verified";
/// Stands where a source would: no document says it, the model had to choose.
pub(crate) const MODELLED: &str = "a modelling decision";

/// A model, for people.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// The name in scenario files: `Asa`.
    pub name: &'static str,
    /// The product.
    pub product: &'static str,
    /// What it does to MPTCP.
    pub summary: &'static str,
    /// Setting, value as it comes, source.
    pub defaults: &'static [(&'static str, &'static str, &'static str)],
    /// Fields in the scenario file and what they mean.
    pub settings: &'static [(&'static str, &'static str)],
    /// Which configuration text is read; empty when there is none.
    pub configuration: &'static str,
    /// An example of it; for models without configuration text, of the scenario file.
    pub example: &'static str,
    /// What else a user should know: modelling decisions, what is not verified.
    pub notes: &'static [&'static str],
}

impl ModelInfo {
    /// The documents behind the defaults, each once, in order of appearance.
    #[must_use]
    pub fn sources(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        for (_, _, source) in self.defaults {
            if !all.contains(source) {
                all.push(*source);
            }
        }
        all
    }
}

/// Every model, in order.
#[must_use]
pub fn catalogue() -> &'static [ModelInfo] {
    const ALL: &[ModelInfo] = &[
        asa::INFO,
        ftd::INFO,
        ips::INFO,
        cbac::INFO,
        zbfw::INFO,
        nat::INFO,
        nbar::INFO,
        ace::INFO,
        waas::INFO,
        asr5000::INFO,
        cgn::INFO,
        switch::INFO,
        router::INFO,
        linux::INFO,
        panos::INFO,
        snort::INFO,
        custom::INFO,
    ];
    ALL
}
