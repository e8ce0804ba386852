//! What Cargo says of dependencies, against the picture.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use serde_json::Value;

use super::Violation;
use super::rooms::{FORBIDDEN, Room};

/// Packages by id, and which of them each one is built from; tests and build scripts apart.
#[derive(Debug, Default)]
pub(super) struct Graph {
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    /// From the JSON of `cargo metadata --format-version 1`.
    pub(super) fn read(json: &[u8]) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_slice(json).context("cargo metadata is no JSON")?;
        let mut graph = Self::default();
        for package in list(&document, "/packages")? {
            graph.names.insert(text(package, "id")?, text(package, "name")?);
        }
        for id in list(&document, "/workspace_members")? {
            graph.members.extend(id.as_str().map(str::to_owned));
        }
        for node in list(&document, "/resolve/nodes")? {
            let mut uses = Vec::new();
            for dependency in list(node, "/deps")?.iter().filter(|it| is_normal(it)) {
                uses.push(text(dependency, "pkg")?);
            }
            graph.uses.insert(text(node, "id")?, uses);
        }
        Ok(graph)
    }

    /// Everything that breaks the picture.
    pub(super) fn violations(&self, rooms: &[Room]) -> Vec<Violation> {
        let mut found = Vec::new();
        for id in &self.members {
            let name = self.name(id);
            let Some(room) = rooms.iter().find(|room| room.package() == name) else {
                if name != "xtask" {
                    found.push(unknown(name));
                }
                continue;
            };
            found.extend(self.wrong_direction(room, id));
            if room.is_pure() {
                found.extend(self.reaches_out(room, id));
            }
        }
        found
    }

    fn wrong_direction(&self, room: &Room, id: &str) -> Vec<Violation> {
        let inside = self.uses(id).iter().filter(|used| self.members.contains(*used));
        let names = inside.map(|used| self.name(used));
        let wrong = names.filter(|name| {
            let short = name.strip_prefix("stopover-").unwrap_or(name);
            !room.may_use.contains(&short)
        });
        wrong
            .map(|name| Violation {
                place: format!("crates/{}/Cargo.toml", room.name),
                what: format!("{} depends on {name}", room.package()),
                why: format!("the picture lets it use only: {}", allowed(room)),
                remedy: "move what is needed to where both may reach it; where the picture is \
                         wrong, change it in xtask/src/layers/rooms.rs and ARCHITECTURE.md"
                    .to_owned(),
            })
            .collect()
    }

    /// Forbidden packages, each with the shortest chain by which it is reached.
    fn reaches_out(&self, room: &Room, id: &str) -> Vec<Violation> {
        let chains = self.chains(id);
        let mut found = Vec::new();
        for forbidden in FORBIDDEN {
            let reached = chains.iter().find(|(used, _)| self.name(used) == forbidden.package);
            let Some((_, chain)) = reached else { continue };
            let names: Vec<&str> = chain.iter().map(|id| self.name(id)).collect();
            found.push(Violation {
                place: format!("crates/{}/Cargo.toml", room.name),
                what: format!(
                    "{} depends on {}: {}",
                    room.package(),
                    forbidden.package,
                    names.join(" → ")
                ),
                why: format!("{} is pure, and {}", room.name, forbidden.why),
                remedy: "take the dependency out, or give its result in as a value".to_owned(),
            });
        }
        found
    }

    /// Every package that is reached from `start`, with the shortest way to it.
    fn chains(&self, start: &str) -> BTreeMap<&str, Vec<&str>> {
        let Some((start, _)) = self.names.get_key_value(start) else { return BTreeMap::new() };
        let mut chains: BTreeMap<&str, Vec<&str>> = BTreeMap::from([(&**start, vec![&**start])]);
        let mut queue = std::collections::VecDeque::from([&**start]);
        while let Some(id) = queue.pop_front() {
            for used in self.uses(id) {
                if chains.contains_key(&**used) {
                    continue;
                }
                let mut chain = chains.get(id).cloned().unwrap_or_default();
                chain.push(used);
                chains.insert(used, chain);
                queue.push_back(used);
            }
        }
        chains
    }

    fn uses(&self, id: &str) -> &[String] {
        self.uses.get(id).map_or(&[], Vec::as_slice)
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }
}

fn unknown(name: &str) -> Violation {
    Violation {
        place: "Cargo.toml".to_owned(),
        what: format!("{name} is not in the picture"),
        why: "a crate whose place nobody decided may depend on anything".to_owned(),
        remedy: "give it a row in xtask/src/layers/rooms.rs and in ARCHITECTURE.md".to_owned(),
    }
}

pub(super) fn allowed(room: &Room) -> String {
    if room.may_use.is_empty() { "nothing".to_owned() } else { room.may_use.join(", ") }
}

fn is_normal(dependency: &Value) -> bool {
    let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
}

fn list<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a Vec<Value>> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo metadata has no list {pointer}"))
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    let found = value.get(key).and_then(Value::as_str).map(str::to_owned);
    found.with_context(|| format!("cargo metadata has no text {key}"))
}

#[cfg(test)]
mod tests {
    use super::super::rooms::Reach;
    use super::*;

    const PURE: Room = Room { name: "pure", reach: Reach::Pure, may_use: &[], purpose: "" };
    const OUTER: Room =
        Room { name: "outer", reach: Reach::Outside, may_use: &["pure"], purpose: "" };

    /// A graph from lines `user kind used`; those named `stopover-…` are the workspace's.
    fn graph(lines: &[(&str, Value, &str)]) -> Graph {
        let ids: BTreeSet<&str> = lines.iter().flat_map(|(user, _, used)| [*user, *used]).collect();
        let node = |id: &&str| {
            let own = lines.iter().filter(|(user, ..)| user == id);
            let deps: Vec<Value> = own
                .map(|(_, kind, used)| {
                    serde_json::json!({ "pkg": used, "dep_kinds": [{ "kind": kind }] })
                })
                .collect();
            serde_json::json!({ "id": id, "deps": deps })
        };
        let document = serde_json::json!({
            "packages": ids.iter().map(|id| serde_json::json!({ "id": id, "name": id })).collect::<Vec<_>>(),
            "workspace_members": ids.iter().filter(|id| id.starts_with("stopover-")).collect::<Vec<_>>(),
            "resolve": { "nodes": ids.iter().map(node).collect::<Vec<_>>() },
        });
        Graph::read(document.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_picture_that_is_kept_gives_nothing() {
        let graph = graph(&[
            ("stopover-outer", Value::Null, "stopover-pure"),
            ("stopover-outer", Value::Null, "tokio"),
            ("stopover-pure", Value::Null, "serde"),
        ]);
        assert_eq!(graph.violations(&[PURE, OUTER]), []);
    }

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let graph = graph(&[("stopover-pure", Value::Null, "stopover-outer")]);
        let found = graph.violations(&[PURE, OUTER]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].what, "stopover-pure depends on stopover-outer");
        assert_eq!(found[0].place, "crates/pure/Cargo.toml");
    }

    #[test]
    fn a_runtime_behind_another_package_is_found_with_the_way_to_it() {
        let graph = graph(&[
            ("stopover-pure", Value::Null, "innocent"),
            ("innocent", Value::Null, "tokio"),
        ]);
        let found = graph.violations(&[PURE]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.ends_with("stopover-pure → innocent → tokio"), "{}", found[0].what);
        assert!(found[0].why.contains("async runtime"), "{}", found[0].why);
    }

    #[test]
    fn tests_and_build_scripts_may_use_what_they_like() {
        let graph = graph(&[
            ("stopover-pure", "dev".into(), "tokio"),
            ("stopover-pure", "build".into(), "nix"),
        ]);
        assert_eq!(graph.violations(&[PURE]), []);
    }

    #[test]
    fn a_crate_without_a_place_in_the_picture_is_found() {
        let graph = graph(&[("stopover-new", Value::Null, "serde")]);
        let found = graph.violations(&[PURE]);
        assert_eq!(found[0].what, "stopover-new is not in the picture");
    }
}
