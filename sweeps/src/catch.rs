//! A panic of the simulator is a bug of ours; in a sweep it must not be the end of the other runs.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What `work` returns, or what it said and where when it panicked; nothing is printed.
///
/// # Errors
/// The panic's message and place.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                MESSAGE.set(info.to_string());
            } else {
                before(info);
            }
        }));
    });
    CATCHING.set(true);
    // What the work has broken is its own: it is gone with it.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(false);
    result.map_err(|_| MESSAGE.take())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_message() {
        assert_eq!(catch(|| 7), Ok(7));
        let error = catch(|| -> () { panic!("queue is full") }).unwrap_err();
        assert!(error.contains("queue is full") && error.contains("catch.rs"), "{error}");
        assert_eq!(catch(|| 7), Ok(7), "and the next one works");
    }
}
