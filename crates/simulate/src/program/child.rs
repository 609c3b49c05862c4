//! A process that leaves nothing behind: in a group of its own, its standard error kept, the whole
//! group killed and reaped when the value is dropped.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{self, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::excerpt;

/// How long the end of standard error is awaited once the process group is dead.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes of standard error that are kept.
const KEPT: usize = 8 << 10;

/// A running process.
pub(super) struct Child {
    process: process::Child,
    reaped: bool,
    last_words: Arc<Mutex<Vec<u8>>>,
    drained: Receiver<()>,
}

/// How a process ended.
pub(super) struct End {
    /// Whether it ended by itself, before it was killed.
    pub(super) by_itself: bool,
    /// "exit status: 3", "signal: 11 (SIGSEGV)", ...
    pub(super) status: String,
    /// The last lines of standard error, on one line.
    pub(super) last_words: String,
    /// Whether it ended by itself and well.
    pub(super) success: bool,
}

impl Child {
    /// Starts a command in `folder`. Standard input and output are as the command says.
    pub(super) fn start(
        program: &str,
        folder: &Path,
        set: impl FnOnce(&mut Command),
    ) -> io::Result<Self> {
        let mut command = Command::new(in_folder(program, folder));
        command.stderr(Stdio::piped());
        if !folder.as_os_str().is_empty() {
            command.current_dir(folder);
        }
        // A group of its own: Ctrl-C in a terminal reaches only the parent, and one signal all of
        // the child's own children.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        set(&mut command);
        let mut process = command.spawn()?;
        let last_words = Arc::new(Mutex::new(Vec::new()));
        let (done, drained) = mpsc::channel();
        if let Some(mut stderr) = process.stderr.take() {
            let kept = Arc::clone(&last_words);
            std::thread::spawn(move || {
                let mut chunk = [0; 4096];
                while let Ok(read @ 1..) = stderr.read(&mut chunk) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.extend_from_slice(&chunk[..read]);
                    let excess = kept.len().saturating_sub(KEPT);
                    kept.drain(..excess);
                }
                drop(done);
            });
        }
        Ok(Self {
            process,
            reaped: false,
            last_words,
            drained,
        })
    }

    pub(super) fn stdin(&mut self) -> Option<ChildStdin> {
        self.process.stdin.take()
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Waits until the process has ended, `until` has come or `stopped` says so; true if it ended.
    pub(super) fn await_end(&mut self, until: Instant, stopped: impl Fn() -> bool) -> bool {
        let mut pause = Duration::from_micros(100);
        loop {
            if self.ended() {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || stopped() {
                return false;
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }

    /// Whether the process has ended. It is not reaped, so that its group's number stays taken.
    fn ended(&mut self) -> bool {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let status = waitid(WaitId::Pid(Pid::from_child(&self.process)), options);
            !matches!(status, Ok(None))
        }
        #[cfg(not(unix))]
        {
            !matches!(self.process.try_wait(), Ok(None))
        }
    }

    /// Kills what is left of the process group and reaps the process.
    fn kill(&mut self) -> io::Result<ExitStatus> {
        #[cfg(unix)]
        {
            use rustix::process::{Pid, Signal, kill_process_group};
            let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        }
        #[cfg(not(unix))]
        let _ = self.process.kill();
        // From here on the process's number may be another's.
        self.reaped = true;
        self.process.wait()
    }

    /// Gives the process `patience` to end by itself, then kills it; says how it ended.
    pub(super) fn end(mut self, patience: Duration) -> End {
        let by_itself = self.await_end(Instant::now() + patience, || false);
        let status = self.kill();
        // A descendant that left the group may hold standard error open: do not wait for ever.
        let _ = self.drained.recv_timeout(DRAIN);
        let kept = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        End {
            by_itself,
            success: by_itself && status.as_ref().is_ok_and(ExitStatus::success),
            status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
            last_words: last_lines(&String::from_utf8_lossy(&kept)),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.kill();
        }
    }
}

/// A program given by a relative path is looked for in the folder it runs in, on every system.
fn in_folder(program: &str, folder: &Path) -> PathBuf {
    let path = Path::new(program);
    if path.is_relative() && path.components().count() > 1 {
        let inside = folder.join(path);
        return std::path::absolute(&inside).unwrap_or(inside);
    }
    path.to_owned()
}

fn last_lines(text: &str) -> String {
    const LINES: usize = 3;
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last: Vec<String> = lines[lines.len().saturating_sub(LINES)..]
        .iter()
        .map(|line| excerpt(line))
        .collect();
    last.join(" | ")
}
