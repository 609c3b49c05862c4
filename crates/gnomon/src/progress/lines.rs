//! Progress where there is no terminal: what bars would show, as a line now and then.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::TermLike;

/// The time before the first line, and between two of them.
const EVERY: Duration = Duration::from_secs(10);
/// Characters that a line may have.
const WIDTH: u16 = 200;

/// Something that takes what is drawn on a terminal and writes the latest of it.
#[derive(Debug)]
pub(super) struct Lines<W> {
    every: Duration,
    state: Mutex<State<W>>,
}

#[derive(Debug)]
struct State<W> {
    to: W,
    /// What is being drawn.
    drawn: Vec<String>,
    latest: Instant,
}

impl<W: Write> Lines<W> {
    /// Lines that begin with work that takes longer than a few seconds.
    pub fn to(to: W) -> Self {
        Self {
            every: EVERY,
            state: Mutex::new(State {
                to,
                drawn: Vec::new(),
                latest: Instant::now(),
            }),
        }
    }
}

impl<W: Write + std::fmt::Debug + Send> TermLike for Lines<W> {
    fn width(&self) -> u16 {
        WIDTH
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.write_str(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        // Lines are filled up with spaces to the terminal's width.
        let line = text.trim();
        if !line.is_empty()
            && let Ok(mut state) = self.state.lock()
        {
            state.drawn.push(line.to_owned());
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let Ok(mut state) = self.state.lock() else {
            return Ok(());
        };
        let drawn = std::mem::take(&mut state.drawn);
        if drawn.is_empty() || state.latest.elapsed() < self.every {
            return Ok(());
        }
        state.latest = Instant::now();
        for line in drawn {
            writeln!(state.to, "{line}")?;
        }
        state.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What three steps of a bar write.
    fn shown(every: Duration) -> String {
        let written = Written::default();
        let lines = Lines {
            every,
            ..Lines::to(written.clone())
        };
        let target = indicatif::ProgressDrawTarget::term_like(Box::new(lines));
        let bar = indicatif::ProgressBar::with_draw_target(Some(3), target);
        bar.set_style(indicatif::ProgressStyle::with_template("testing: {pos}/{len}").unwrap());
        for done in 1..=3 {
            bar.set_position(done);
            bar.force_draw();
        }
        bar.finish_and_clear();
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_takes_long_writes_plain_lines() {
        let text = shown(Duration::ZERO);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.contains(&"testing: 2/3"), "{text:?}");
        assert!(
            lines.iter().all(|line| line.starts_with("testing: ")),
            "{text:?}"
        );
        assert_eq!(shown(Duration::from_secs(3600)), "");
    }
}
