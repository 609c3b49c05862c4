//! Colours: every mark names an [`Ink`]; the page's stylesheet defines it for light and dark, and a
//! figure that leaves the page gets the light one written into it.

use std::fmt::{self, Write};

/// A colour with a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The background.
    Paper,
    /// Text and data.
    Text,
    /// Labels.
    Muted,
    /// Axis lines.
    Axis,
    /// Hairlines behind the marks.
    Grid,
    /// The prior, and bands of what is expected.
    Prior,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Neither.
    Open,
    /// The mechanism of this place in the study's list; colours repeat after eight.
    Mechanism(usize),
}

impl fmt::Display for Ink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Paper => "paper",
            Self::Text => "text",
            Self::Muted => "muted",
            Self::Axis => "axis",
            Self::Grid => "grid",
            Self::Prior => "prior",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Open => "open",
            Self::Mechanism(index) => return write!(f, "var(--m{})", index % MECHANISMS),
        };
        write!(f, "var(--{name})")
    }
}

const MECHANISMS: usize = 8;

/// Name, colour on light paper, colour on dark paper. All but paper, axis, grid and prior keep a
/// contrast of at least 4.5 with the paper (WCAG 2.1 AA), so that they may be text.
const COLOURS: [(&str, &str, &str); 17] = [
    ("paper", "#fffefb", "#16181c"),
    ("text", "#1c1d1f", "#e6e4df"),
    ("muted", "#62646a", "#a2a29f"),
    ("axis", "#a9a8a3", "#5b5e64"),
    ("grid", "#eceae4", "#282b31"),
    ("prior", "#a3a19b", "#74777d"),
    ("good", "#1b7046", "#62c493"),
    ("bad", "#b3261e", "#f28b82"),
    ("open", "#8a5a00", "#e0b04c"),
    ("m0", "#2c63ad", "#7fb0f2"),
    ("m1", "#b9481f", "#f0966c"),
    ("m2", "#1f7a62", "#5fc7a8"),
    ("m3", "#8046a5", "#c79be6"),
    ("m4", "#8a6508", "#d9b350"),
    ("m5", "#b03470", "#f08cba"),
    ("m6", "#3d6b78", "#86bccb"),
    ("m7", "#5f6a1d", "#b4c25e"),
];

/// CSS declarations of all inks, for light paper or for dark.
pub fn variables(dark: bool) -> String {
    let mut css = String::new();
    for (name, on_light, on_dark) in COLOURS {
        let _ = write!(css, "--{name}:{};", if dark { on_dark } else { on_light });
    }
    css
}

/// `svg` with every ink replaced by its colour on light paper, for viewers that know no variables.
pub fn resolve(svg: &str) -> String {
    COLOURS
        .iter()
        .fold(svg.to_owned(), |text, (name, on_light, _)| {
            text.replace(&format!("var(--{name})"), on_light)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn inks_of_text_contrast_with_the_paper() {
        let (_, light, dark) = COLOURS[0];
        for (name, on_light, on_dark) in COLOURS {
            if !["paper", "axis", "grid", "prior"].contains(&name) {
                assert!(contrast(on_light, light) >= 4.5, "{name} on light paper");
                assert!(contrast(on_dark, dark) >= 4.5, "{name} on dark paper");
            }
        }
    }

    #[test]
    fn every_ink_has_a_colour() {
        for ink in [
            Ink::Paper,
            Ink::Text,
            Ink::Muted,
            Ink::Axis,
            Ink::Grid,
            Ink::Prior,
            Ink::Good,
            Ink::Bad,
            Ink::Open,
            Ink::Mechanism(3),
            Ink::Mechanism(11),
        ] {
            assert!(resolve(&ink.to_string()).starts_with('#'));
        }
    }
}
