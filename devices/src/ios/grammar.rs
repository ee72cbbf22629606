//! The frame of the grammar: interfaces and access lists here, the firewalls' own commands in their
//! folders.

use sim_core::engine::device::Side;

use crate::config::access_list::{self, Dialect};
use crate::config::blocks::{self, Grammar};
use crate::config::objects::Objects;
use crate::config::{ConfigText, Diagnostics, Line};
use crate::zbfw::zones::Block as ZoneBlock;

use super::{Interface, IosConfig, Named, Through};

/// The open block.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    None,
    /// Not modelled.
    Other,
    Interface(usize),
    AccessList(String),
    Zones(ZoneBlock),
}

/// Reads a configuration.
pub(crate) fn read(text: ConfigText<'_>, found: &mut Diagnostics) -> IosConfig {
    let mut reader = Reader { text, found, config: IosConfig::default(), block: Block::None };
    blocks::read(text.text, &mut reader);
    reader.config
}

struct Reader<'t, 'd> {
    text: ConfigText<'t>,
    found: &'d mut Diagnostics,
    config: IosConfig,
    block: Block,
}

impl Grammar for Reader<'_, '_> {
    fn outer(&mut self, line: &Line<'_>) -> bool {
        if let Some(block) = self.config.zones.outer(line, self.text, self.found) {
            self.block = Block::Zones(block);
            return true;
        }
        if self.config.inspections.outer(line, self.text, self.found) {
            self.block = Block::None;
            return true;
        }
        match line.words.as_slice() {
            ["interface", name @ ..] if !name.is_empty() => {
                let name = name.concat();
                let known = self.config.interfaces.iter().position(|i| i.name == name);
                let at = known.unwrap_or_else(|| {
                    self.config.interfaces.push(Interface { name, ..Interface::default() });
                    self.config.interfaces.len() - 1
                });
                self.block = Block::Interface(at);
            }
            ["ip", "access-list", "extended" | "standard", name]
            | ["ipv6", "access-list", name] => {
                self.config.access_lists.entry((*name).to_owned()).or_default();
                self.block = Block::AccessList((*name).to_owned());
            }
            ["access-list", name, rest @ ..] => {
                let entry = access_list::entry(
                    Dialect::Ios,
                    rest,
                    &Objects::default(),
                    line,
                    self.text,
                    self.found,
                );
                let list = self.config.access_lists.entry((*name).to_owned()).or_default();
                list.entries.extend(entry);
                self.block = Block::None;
            }
            _ => return false,
        }
        true
    }

    fn inner(&mut self, line: &Line<'_>) -> bool {
        match &self.block {
            Block::None => false,
            Block::Other => line.indent > 0,
            Block::Interface(at) => {
                let at = *at;
                self.interface(at, line)
            }
            Block::AccessList(name) => {
                let first = line.words[0];
                let entry = first.parse::<u32>().is_ok()
                    || matches!(first, "permit" | "deny" | "remark" | "evaluate" | "sequence");
                if entry {
                    let read = access_list::entry(
                        Dialect::Ios,
                        &line.words,
                        &Objects::default(),
                        line,
                        self.text,
                        self.found,
                    );
                    if let Some(list) = self.config.access_lists.get_mut(name) {
                        list.entries.extend(read);
                    }
                }
                entry
            }
            Block::Zones(block) => {
                let block = block.clone();
                match self.config.zones.inner(block, line, self.text, self.found) {
                    Some(block) => {
                        self.block = Block::Zones(block);
                        true
                    }
                    None => false,
                }
            }
        }
    }

    fn unknown(&mut self, line: &Line<'_>) {
        match &self.block {
            Block::None | Block::Other | Block::Interface(_) => {}
            Block::AccessList(name) => {
                let message = format!("expected permit or deny in access list {name}");
                self.found.error(line, line.words[0], message);
            }
            Block::Zones(block) => block.unknown(line, self.found),
        }
    }

    fn skip(&mut self, line: &Line<'_>) {
        let known: &[&str] = match &self.block {
            Block::Zones(block) => block.commands(),
            _ => &["class-map", "policy-map", "zone-pair", "zone-member", "access-list"],
        };
        blocks::slip(line, known, self.found);
        self.block = Block::Other;
    }
}

impl Reader<'_, '_> {
    fn interface(&mut self, at: usize, line: &Line<'_>) -> bool {
        let named =
            |name: &str| Some(Named { name: name.to_owned(), place: self.text.place(line) });
        let interface = &mut self.config.interfaces[at];
        match line.words.as_slice() {
            ["ip", "access-group", name, direction @ ("in" | "out")] => {
                interface.access[through(direction)] = named(name);
            }
            ["ipv6", "traffic-filter", name, direction @ ("in" | "out")] => {
                interface.access_v6[through(direction)] = named(name);
            }
            ["ip" | "ipv6", "inspect", name, direction @ ("in" | "out")] => {
                interface.inspect[through(direction)] = named(name);
            }
            ["ip", "access-group" | "inspect", _, other] => {
                self.found.error(line, other, format!("expected in or out, found `{other}`"));
            }
            ["zone-member", "security", zone] => interface.zone = named(zone),
            ["ip", "nat", "inside"] => interface.nat = Some(Side::Inside),
            ["ip", "nat", "outside"] => interface.nat = Some(Side::Outside),
            ["ip" | "ipv6", "address", ..] => interface.has_address = true,
            _ => return line.indent > 0,
        }
        true
    }
}

fn through(word: &str) -> usize {
    (if word == "in" { Through::In } else { Through::Out }) as usize
}
