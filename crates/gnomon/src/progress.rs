//! Progress on standard error: what is done, how fast, how long it will take. Bars where it is a terminal, a
//! line now and then where it is not.

mod lines;

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lines::Lines;

/// Whether long work shows how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bars where standard error is a terminal, else lines.
    Shown,
    /// Nothing.
    Hidden,
}

impl Progress {
    /// A bar of `total` `units` of `work`.
    #[must_use]
    pub fn bar(self, work: &str, units: &str, total: u64) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(total), self.target());
        let numbers =
            format!("{{human_pos}}/{{human_len}} {units}  {{per_sec}}  {{eta}} left  {{msg}}");
        let template = match std::io::stderr().is_terminal() {
            true => format!("{work:<26} {{bar:24}} {numbers}"),
            false => format!("{work}: {numbers}"),
        };
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar
    }

    /// Says something that the user should know.
    pub fn say(self, text: &str) {
        if self == Self::Shown {
            eprintln!("{text}");
        }
    }

    /// Room for bars under each other, of work that goes on side by side.
    #[must_use]
    pub fn several(self) -> MultiProgress {
        MultiProgress::with_draw_target(self.target())
    }

    fn target(self) -> ProgressDrawTarget {
        match self {
            Self::Hidden => ProgressDrawTarget::hidden(),
            Self::Shown if std::io::stderr().is_terminal() => ProgressDrawTarget::stderr(),
            Self::Shown => {
                ProgressDrawTarget::term_like_with_hz(Box::new(Lines::to(std::io::stderr())), 1)
            }
        }
    }
}
