//! Pages for a browser, each one self-contained file: the report of a run, the index of many, two beside
//! each other.
//!
//! [`document`] is the frame that all share, with the policy that makes text from files harmless;
//! [`report`], [`index`] and [`compare`] say what stands in it; [`data`] gives pictures to the script in
//! `script/`; `style/` is how it looks, on a screen and on paper. HTML is made with `maud`, which escapes
//! every text: there is no other way into the page.

mod compare;
mod data;
pub(crate) mod document;
#[cfg(test)]
mod golden;
mod index;
pub(crate) mod parts;
mod report;
mod sources;
mod story;

pub use compare::compare;
pub use index::{Entry, Outcome, index};
pub use report::{Material, report};
pub use sources::{Source, SourceKind};
