//! The scenario file: what it may say, how it is read and checked, how it runs, and what its
//! expectations say to the outcome.
//!
//! - [`load::load`] reads a file and everything that it names, and says what is wrong with it;
//! - [`load::Loaded::run`] runs it; [`run::Run`] has the record and the expectations;
//! - [`load::discover`] finds scenario files, [`template::template`] writes one to start from.
//!
//! Inside: [`schema`] (the types), [`read`] (RON to types), [`desugar`] and [`tree`] (what RON lacks:
//! two shorthands, and where things stand in the text), [`check`] (between the parts), [`overrides`]
//! (`--set`), [`device_config`], [`device_file`], [`diagnostic`], [`expect`].

pub mod check;
pub mod desugar;
pub mod device_config;
pub mod device_file;
pub mod diagnostic;
pub mod expect;
pub mod load;
pub mod overrides;
pub mod read;
pub mod run;
pub mod schema;
pub mod template;
pub mod tree;

pub use device_file::DeviceFile;
pub use diagnostic::{Diagnostic, Severity};
pub use expect::ExpectationResult;
pub use load::{Base, Loaded, discover, load};
pub use run::{DEFAULT_SEED, Run, quoted, replay};
pub use template::template;
