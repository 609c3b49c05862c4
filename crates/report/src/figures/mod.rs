//! Figures: each module takes a part of the content and draws it at two widths, one for the page and
//! one for a phone, into a [`Figure`] that the page embeds and that is also a file of its own.

pub mod convergence;
pub mod corner;
pub mod coverage;
pub mod emulation;
pub mod forest;
pub mod holes;
pub mod interval;
pub mod predictive;
pub mod probability;
pub mod sbc;
pub mod settling;
pub mod skill;
pub mod training;
pub mod typicality;

mod grid;

use maud::{Markup, html};

use crate::{
    content::Mechanism,
    draw::{
        ink::{self, Ink},
        mark::px,
    },
};

/// Width of a figure in the page, pixels.
const WIDE: f64 = 720.0;
/// Width of a figure on a phone, pixels.
const NARROW: f64 = 344.0;

/// A drawing of a given size.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Width in pixels.
    pub width: f64,
    /// Height in pixels.
    pub height: f64,
    /// SVG elements.
    pub body: Markup,
}

/// A figure: a drawing at two widths, with a title and a caption.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Name: the anchor in the page and the stem of the file; letters, digits, `-` and `_`.
    pub name: String,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it.
    pub caption: String,
    wide: Drawing,
    narrow: Drawing,
}

impl Figure {
    /// The figure that `draw` draws at a given width. `name` is made fit for a file name.
    pub fn new(
        name: &str,
        title: impl Into<String>,
        caption: impl Into<String>,
        draw: impl Fn(f64) -> Drawing,
    ) -> Self {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        Self {
            name: name.chars().map(plain).collect(),
            title: title.into(),
            caption: caption.into(),
            wide: draw(WIDE),
            narrow: draw(NARROW),
        }
    }

    /// The figure inside a page: both drawings (the stylesheet shows one) and the caption.
    pub fn inline(&self) -> Markup {
        html! {
            figure id={ "figure-" (self.name) } {
                div class="drawing wide" { (self.svg(&self.wide, "wide", false)) }
                div class="drawing narrow" { (self.svg(&self.narrow, "narrow", false)) }
                @let stop = if self.title.ends_with(['?', '.', '!']) { "" } else { "." };
                figcaption { strong { (self.title) (stop) } " " (self.caption) }
            }
        }
    }

    /// The figure as a file: the wide drawing on light paper, with literal colours.
    pub fn file(&self) -> String {
        let svg = self.svg(&self.wide, "file", true).into_string();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n",
            ink::resolve(&svg)
        )
    }

    fn svg(&self, drawing: &Drawing, variant: &str, on_paper: bool) -> Markup {
        let margin = if on_paper { 12.0 } else { 0.0 };
        let [width, height] =
            [drawing.width, drawing.height].map(|size| px(size.ceil() + 2.0 * margin));
        let corner = px(-margin);
        let [title, description] =
            ["title", "description"].map(|part| format!("figure-{}-{variant}-{part}", self.name));
        // A drawing wider than it was asked to be would be unreadable scaled down: its box scrolls.
        let asked = if variant == "narrow" { NARROW } else { WIDE };
        let too_wide = !on_paper && drawing.width > asked + 0.5;
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox={ (corner) " " (corner) " " (width) " " (height) }
                width=(width) height=(height) role="img"
                aria-labelledby={ (title) " " (description) }
                style=[too_wide.then(|| format!("min-width:{width}px"))]
                font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
            {
                title id=(title) { (self.title) }
                desc id=(description) { (self.caption) }
                @if on_paper { rect x=(corner) y=(corner) width=(width) height=(height) fill=(Ink::Paper) {} }
                (drawing.body)
            }
        }
    }
}

/// The ink of a mechanism, by its place in the study; of all mechanisms together, the text's.
pub fn ink_of(mechanisms: &[Mechanism], name: Option<&str>) -> Ink {
    let place = name.and_then(|name| mechanisms.iter().position(|m| m.name == name));
    place.map_or(Ink::Text, Ink::Mechanism)
}

/// What a reader calls a mechanism, or all of them together.
pub fn name_of(mechanism: Option<&str>) -> &str {
    mechanism.unwrap_or("all mechanisms")
}

/// `name (unit)`, or the name alone.
pub fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({unit})")
    }
}
