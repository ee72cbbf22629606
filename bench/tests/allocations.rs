//! A run that has warmed up allocates nothing per packet: not the engine, not the endpoints, not a device
//! that looks at every packet.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bench::{mptcp_connections, tcp_flows, through_device};
use devices::{DeviceContext, DeviceSpec};
use sim_core::engine::world::World;
use sim_core::time::SimTime;

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came, so that its guarantees are this one's;
// counting touches an atomic number only, which allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from the system's allocator, by `alloc` or `realloc` here.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `block` came from the system's allocator, by `alloc` or `realloc` here.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Counts are the process's: one world at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Packet-hops that go by for one allocation at least: of lists that grow with time (series, samples) or
/// to a new largest length.
const HOPS_PER_ALLOCATION: u64 = 500;

/// Runs a world for `warm` seconds, then counts through as many again.
fn check(mut world: World, warm: u64) {
    let _turn = TURN.lock();
    let second = 1_000_000_000;
    world.begin();
    world.advance(SimTime(warm * second));
    let (before, hops_before) = (ALLOCATIONS.load(Ordering::Relaxed), world.packet_hops());
    world.advance(SimTime(2 * warm * second));
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let hops = world.packet_hops() - hops_before;
    println!("{allocations} allocations in {hops} hops");
    assert!(hops > 10_000, "{hops} hops: nothing went on");
    assert!(allocations < hops / HOPS_PER_ALLOCATION, "{allocations} allocations in {hops} hops");
    assert!(world.end().connections.iter().all(|c| c.stream_intact));
}

/// What counts, counts: a `Box` more is one allocation more.
#[test]
fn an_allocation_is_counted() {
    let _turn = TURN.lock();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let boxes: Vec<Box<u64>> = (0..1000).map(Box::new).collect();
    assert!(ALLOCATIONS.load(Ordering::Relaxed) - before > boxes.len() as u64);
}

#[test]
fn tcp_allocates_nothing_per_packet() {
    check(tcp_flows(1, 100_000_000, false), 4);
}

#[test]
fn mptcp_allocates_nothing_per_packet() {
    check(mptcp_connections(1, false), 4);
}

#[test]
fn a_device_allocates_nothing_per_packet() {
    for spec in
        [DeviceSpec::Asa { config: None, inside: None, outside: None }, DeviceSpec::Switch {}]
    {
        let context = DeviceContext { name: "box", seed: 1, default_farm: None };
        let Ok(built) = spec.build(&context, None) else { panic!("a device without settings") };
        check(through_device(built.device), 4);
    }
}
