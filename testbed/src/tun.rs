//! A TUN interface: whole IP packets of a host, read and written through a descriptor.
//!
//! The interface lives in the network namespace of the thread that opens it; the descriptor works from any
//! thread. It is not persistent: it goes when the descriptor does.

// Calls of the system that no library wraps, each with its proof.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

/// What TUN reads and writes before each packet.
pub(crate) const HEADER_LEN: usize = 10;

/// The largest read: a super-packet and its header.
pub(crate) const LARGEST: usize = HEADER_LEN + 65_536;

nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);
nix::ioctl_write_int_bad!(tun_set_offload, libc::TUNSETOFFLOAD);

/// Held by tests that make interfaces: one of them counts those of the process.
#[cfg(test)]
pub(crate) static COUNTED: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// An open TUN interface.
#[derive(Debug)]
pub(crate) struct Tun {
    file: File,
}

impl Tun {
    /// Makes the interface `name` in the namespace of the calling thread. With `offload` the kernel may
    /// give and take super-packets of many segments (TSO), whose checksums are left to the reader.
    pub(crate) fn open(name: &str, offload: bool) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")?;
        // SAFETY: `ifreq` is a C structure of integers, arrays and a union of those (its pointers are not
        // read by TUNSETIFF): all zeros is a valid value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes.len() >= request.ifr_name.len() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "interface name too long"));
        }
        for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
            *to = *from as libc::c_char;
        }
        let flags = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
        request.ifr_ifru.ifru_flags = flags as libc::c_short;
        // SAFETY: the descriptor is open, and `request` is an initialised `ifreq` that outlives the call,
        // which is what TUNSETIFF reads (and writes the name back to).
        unsafe { tun_set_iff(file.as_raw_fd(), &raw const request) }?;
        let offloads =
            if offload { libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 } else { 0 };
        // SAFETY: the descriptor is an open TUN; TUNSETOFFLOAD takes its argument by value.
        unsafe { tun_set_offload(file.as_raw_fd(), offloads as libc::c_int) }?;
        Ok(Self { file })
    }

    /// Reads one packet behind its header; `None`: nothing there, or the interface is gone.
    pub(crate) fn read(&self, into: &mut [u8]) -> Option<usize> {
        (&self.file).read(into).ok().filter(|&len| len > HEADER_LEN)
    }

    /// Writes one packet, its header first. One that the kernel cannot take (no memory, interface down)
    /// is lost, as on a network.
    pub(crate) fn write(&self, parts: &[IoSlice<'_>]) {
        let _ = (&self.file).write_vectored(parts);
    }

    /// For polling.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
