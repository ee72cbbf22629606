//! Groups of groups: what an object group names, itself and through others.

use std::collections::HashSet;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

/// Up to so many members of another group are copied; more are shared, so that groups of groups take no more
/// than the lines that fill them.
const COPIED_MAX: usize = 64;

/// The members of a group.
#[derive(Clone, Debug)]
pub struct Group<T> {
    own: Vec<T>,
    groups: Vec<Arc<Group<T>>>,
    /// Members, those of other groups included, each as often as it is named.
    named: usize,
    /// Something of it could not be read: it may name more.
    is_open: bool,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { own: Vec::new(), groups: Vec::new(), named: 0, is_open: false }
    }
}

impl<T: Clone> Group<T> {
    /// Adds a member.
    pub fn add(&mut self, member: T) {
        self.own.push(member);
        self.named = self.named.saturating_add(1);
    }

    /// Adds the members that another group has now.
    pub fn include(&mut self, other: &Arc<Self>) {
        if other.named <= COPIED_MAX {
            self.own.extend(other.iter().cloned());
        } else {
            self.groups.push(Arc::clone(other));
        }
        self.named = self.named.saturating_add(other.named);
        self.is_open |= other.is_open;
    }
}

impl<T> Group<T> {
    /// One of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        let mut group = Self::default();
        group.is_open = true;
        group
    }

    /// True when it names nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.named == 0
    }

    /// Something of it could not be read: it may name more than is known.
    pub const fn leave_open(&mut self) {
        self.is_open = true;
    }

    /// True when it may name more than is known.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// The members: its own, then those of each group that it includes, once.
    pub fn iter(&self) -> Members<'_, T> {
        Members {
            own: self.own.iter(),
            left: self.groups.iter().map(|group| &**group).collect(),
            seen: HashSet::default(),
        }
    }
}

impl<T> Drop for Group<T> {
    /// A chain of groups may be longer than the stack is deep.
    fn drop(&mut self) {
        let mut left = std::mem::take(&mut self.groups);
        while let Some(group) = left.pop() {
            if let Some(mut group) = Arc::into_inner(group) {
                left.append(&mut group.groups);
            }
        }
    }
}

/// See [`Group::iter`].
#[derive(Debug)]
pub struct Members<'a, T> {
    own: std::slice::Iter<'a, T>,
    left: Vec<&'a Group<T>>,
    seen: HashSet<*const Group<T>, FxBuildHasher>,
}

impl<'a, T> Iterator for Members<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(member) = self.own.next() {
                return Some(member);
            }
            let group = self.left.pop()?;
            if self.seen.insert(std::ptr::from_ref(group)) {
                self.own = group.own.iter();
                self.left.extend(group.groups.iter().map(|group| &**group));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_chain_and_a_deep_lattice_cost_what_they_name() {
        let mut last = Arc::new(Group::default());
        for n in 0..100_000u32 {
            let mut group = Group::default();
            group.add(n);
            group.include(&last);
            group.include(&last);
            last = Arc::new(group);
        }
        let mut members: Vec<u32> = last.iter().copied().collect();
        members.sort_unstable();
        members.dedup();
        assert_eq!(members.len(), 100_000);
        assert!(last.iter().count() < 200_000, "{}", last.iter().count());
    }
}
