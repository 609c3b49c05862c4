//! Progress bars on standard error: what is done, how fast, how long it will take.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Whether long work shows how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bars, where standard error is a terminal.
    Shown,
    /// Nothing.
    Hidden,
}

impl Progress {
    /// A bar of `total` `units` of `work`.
    #[must_use]
    pub fn bar(self, work: &str, units: &str, total: u64) -> ProgressBar {
        let bar = match self {
            Self::Hidden => {
                ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden())
            }
            Self::Shown => ProgressBar::new(total),
        };
        let template = format!(
            "{work:<26} {{bar:24}} {{human_pos}}/{{human_len}} {units}  {{per_sec}}  {{eta}} left  {{msg}}"
        );
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
        match self {
            Self::Hidden => MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            Self::Shown => MultiProgress::new(),
        }
    }
}
