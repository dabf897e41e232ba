//! Pages of HTML that are one file: no script, no font and no picture from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::facts::Facts;
use crate::report::table::Table;

/// Plain, and readable on paper too.
const STYLE: &str = include_str!("page.css");

/// A page with a title, what ran where, and what follows.
#[must_use]
pub fn page(title: &str, facts: &[(&str, String)], body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    dl {
                        @for (name, text) in facts {
                            dt { (name) }
                            dd { (text) }
                        }
                    }
                    (body)
                }
            }
        }
    };
    page.into_string()
}

/// A section with a heading, and a sentence about it.
#[must_use]
pub fn section(title: &str, about: &str, body: &Markup) -> Markup {
    html! {
        section {
            h2 { (title) }
            p { (about) }
            (body)
        }
    }
}

/// Plots side by side, each with a title, a line about it and its `svg`.
#[must_use]
pub fn panels(panels: &[(String, String, String)]) -> Markup {
    html! {
        div.panels {
            @for (title, about, svg) in panels {
                figure {
                    figcaption { strong { (title) } " " (about) }
                    (PreEscaped(svg))
                }
            }
        }
    }
}

/// A table, its title above it.
#[must_use]
pub fn table(table: &Table) -> Markup {
    html! {
        div.table {
            table {
                caption { (table.title) }
                thead { tr { @for cell in &table.head { th { (cell) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What was asked to hold, and whether it does.
#[must_use]
pub fn verdicts(verdicts: &[(String, bool)]) -> Markup {
    html! {
        ul.verdicts {
            @for (text, kept) in verdicts {
                li class=(if *kept { "kept" } else { "missed" }) { (text) }
            }
        }
    }
}

/// Lines of text as they are.
#[must_use]
pub fn lines(lines: &[String]) -> Markup {
    html! { pre { (lines.join("\n")) } }
}

/// The facts of a machine as a page wants them, and what else is to be said.
#[must_use]
pub fn facts(facts: &Facts, more: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    facts.lines().into_iter().chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_nothing_comes_from_elsewhere() {
        let line = |cells: [&str; 2]| cells.map(String::from).to_vec();
        let of = Table {
            title: "a & b".into(),
            head: line(["row", "<of>"]),
            rows: vec![line(["x", "1"])],
        };
        let body = section("Title", "about", &table(&of));
        let page = page("Brokers <compared>", &[("CPU", "fast & new".into())], &body);
        for text in ["Brokers &lt;compared&gt;", "fast &amp; new", "&lt;of&gt;", "<td>1</td>"] {
            assert!(page.contains(text), "{text} in {page}");
        }
        for elsewhere in ["http://", "https://", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(elsewhere), "{elsewhere} in {page}");
        }
    }
}
