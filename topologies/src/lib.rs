//! Shapes, addresses and routes: from the topology of a scenario file to a wired world.
//!
//! - [`shape`] and [`settings`]: what a scenario file says;
//! - [`check`]: what can be wrong with it;
//! - [`network`]: the wired world under the scenario's names; [`shape::Topology::build`] makes it;
//! - [`bound`]: the most that it could give a connection.

pub mod bound;
pub mod check;
mod fat_tree;
mod graph;
mod load_balanced;
mod multi_path;
pub mod network;
pub mod settings;
pub mod shape;
mod shared_bottleneck;

use std::net::IpAddr;

use network::{Network, Parts, Unknown};
use shape::Topology;

impl Topology {
    /// The wired world. `vip` is the virtual address of a balancer's configuration, where it has one.
    ///
    /// # Errors
    /// A name that [`Topology::problems`] would have found.
    pub fn build(&self, vip: Option<IpAddr>, parts: Parts<'_>) -> Result<Network, Unknown> {
        match self {
            Self::MultiPath(shape) => shape.build(parts),
            Self::SharedBottleneck(shape) => shape.build(parts),
            Self::LoadBalanced(shape) => {
                let vip = shape.vip.or(vip).ok_or_else(|| Unknown("vip".into()))?;
                shape.build(vip, parts)
            }
            Self::FatTree(shape) => shape.build(parts),
            Self::Graph(shape) => shape.build(parts),
        }
    }
}
