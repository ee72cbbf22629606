//! A scenario to start from.

/// A commented scenario that runs as it is, for `option30 new NAME`.
#[must_use]
pub fn template(name: &str) -> String {
    let title = name.replace('\\', "\\\\").replace('"', "\\\"");
    TEMPLATE.replace("{title}", &title)
}

const TEMPLATE: &str = include_str!("template.ron");
