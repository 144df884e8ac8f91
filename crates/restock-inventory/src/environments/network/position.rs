//! Where in a file a network or a chain of warehouses goes wrong.

use serde::Deserialize;

use super::NetworkError;

/// Nodes and links, or warehouses and items, each with the place where it begins, whatever else a file holds.
#[derive(Deserialize)]
struct Places<N, L> {
    #[serde(default = "Vec::new")]
    nodes: Vec<N>,
    #[serde(default = "Vec::new")]
    links: Vec<L>,
    #[serde(default = "Vec::new")]
    warehouses: Vec<N>,
    #[serde(default = "Vec::new")]
    items: Vec<N>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Ends {
    from: String,
    to: String,
}

/// A node or link as messages name it, and the line it begins on, from 1.
type Place = (String, usize);

fn named(what: &str, id: &Id) -> String {
    format!("{what} \"{}\"", id.id)
}

fn link(ends: &Ends) -> String {
    format!("link \"{}\" -> \"{}\"", ends.from, ends.to)
}

/// The error with the line of the TOML text that it is about, where it is about one of these.
pub(crate) fn located_in_toml(error: NetworkError, text: &str) -> NetworkError {
    let Ok(places) = toml::from_str::<Places<toml::Spanned<Id>, toml::Spanned<Ends>>>(text) else { return error };
    let line = |byte: usize| text[..byte].matches('\n').count() + 1;
    let links = places.links.iter().map(|at| (link(at.as_ref()), line(at.span().start)));
    let lists = [("node", &places.nodes), ("warehouse", &places.warehouses), ("item", &places.items)];
    let ids = lists.iter().flat_map(|(what, list)| list.iter().map(move |at| (what, at)));
    let ids = ids.map(|(what, at)| (named(what, at.as_ref()), line(at.span().start)));
    located(error, text, &ids.chain(links).collect::<Vec<_>>())
}

/// The same for a YAML text.
pub(crate) fn located_in_yaml(error: NetworkError, text: &str) -> NetworkError {
    type Yaml = Places<serde_saphyr::Spanned<Id>, serde_saphyr::Spanned<Ends>>;
    let Ok(places) = serde_saphyr::from_str::<Yaml>(text) else { return error };
    let links = places.links.iter().map(|at| (link(&at.value), at.referenced.line() as usize));
    let lists = [("node", &places.nodes), ("warehouse", &places.warehouses), ("item", &places.items)];
    let ids = lists.iter().flat_map(|(what, list)| list.iter().map(move |at| (what, at)));
    let ids = ids.map(|(what, at)| (named(what, &at.value), at.referenced.line() as usize));
    located(error, text, &ids.chain(links).collect::<Vec<_>>())
}

/// The line of the key that the message begins with, or else the line on which the node or link begins. Of several of
/// one name it is the last, which is the one too many.
fn located(error: NetworkError, text: &str, places: &[Place]) -> NetworkError {
    let message = error.to_string();
    let Some((_, first)) = places.iter().rev().find(|(name, _)| message.contains(name.as_str())) else { return error };
    let next = places.iter().map(|(_, line)| *line).filter(|line| line > first).min().unwrap_or(usize::MAX);
    let key = message.split(' ').next().unwrap_or_default();
    let has_key = |line: &str| {
        let name = line.trim_start_matches([' ', '-', '{']).split(['=', ':']).next().unwrap_or_default();
        name.trim() == key
    };
    let lines = (1..).zip(text.lines()).filter(|(number, _)| (*first..next).contains(number));
    let line = lines.into_iter().find(|(_, line)| has_key(line)).map_or(*first, |(number, _)| number);
    NetworkError::At { line, problem: Box::new(error) }
}
