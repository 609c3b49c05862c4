//! A program that stays: requests down its standard input, answers up its standard output, one
//! line each; started anew when it crashed, fell silent or got out of step.
//!
//! A crash or garbage counts only if a fresh process that is asked for nothing else repeats it: so
//! no row fails for what the process did before, whichever rows that were.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use super::answer::{self, Line};
use super::child::Child;
use super::{Failure, ProgramError, Report, Work};

/// Requests that a quick program may have before it: the one it works on, and those in the pipe.
const DEPTH: usize = 16;
/// A program that is slower than this is asked one by one, so that no row waits for another.
const QUICK: Duration = Duration::from_millis(2);
/// What a fresh process may take on top of the time limit: interpreters and imports are slow.
const STARTING: Duration = Duration::from_secs(10);
/// How long a process may take to end by itself after its standard output, or its work, ended.
const LEAVING: Duration = Duration::from_millis(500);
/// How often the wish to stop is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Works on rows, with one process at a time, until none is left.
pub(super) fn work(work: &Work, report: &Sender<Report>) -> Result<(), ProgramError> {
    let mut rows = VecDeque::new();
    let mut resting: Option<Worker> = None;
    let mut tried_twice = false;
    while !work.stopped() {
        let depth = resting.as_ref().map_or(1, |worker| worker.depth);
        take(work, &mut rows, depth, report);
        let Some(&row) = rows.front() else {
            if let Some(worker) = resting {
                worker.leave();
            }
            break;
        };
        let mut worker = match resting.take() {
            Some(worker) => worker,
            None => Worker::start(work).map_err(|source| work.start_error(source))?,
        };
        worker.ask(work, &rows);
        let outcome = match worker.hear(work) {
            Heard::Line(text) => match answer::line(&text, work.requests.id(row), work.shape) {
                Line::Answer(outcome) => {
                    let in_time = worker.answered(work);
                    resting = Some(worker);
                    if !in_time {
                        continue;
                    }
                    outcome
                }
                Line::Garbage(_) if !worker.fresh && !tried_twice => {
                    tried_twice = true;
                    continue;
                }
                Line::Garbage(failure) => Err(worker.fail(failure.what)),
            },
            Heard::End if !worker.fresh && !tried_twice => {
                tried_twice = true;
                continue;
            }
            Heard::End => Err(worker.crashed()),
            Heard::Silence => {
                let limit = work.program.time_limit;
                Err(worker.fail(format!("no answer within {limit} s")))
            }
            Heard::Stop => break,
        };
        tried_twice = false;
        rows.pop_front();
        let _ = report.send(Report::Row(row, outcome));
    }
    Ok(())
}

/// Fills a half-empty queue, so that its requests go out in one write.
fn take(work: &Work, rows: &mut VecDeque<usize>, depth: usize, report: &Sender<Report>) {
    if rows.len() > depth / 2 {
        return;
    }
    while rows.len() < depth {
        let Some(row) = work.take() else { return };
        match work.requests.check(row) {
            Ok(()) => rows.push_back(row),
            Err(failure) => {
                let _ = report.send(Report::Row(row, Err(failure)));
            }
        }
    }
}

/// What came from a worker.
enum Heard {
    Line(Vec<u8>),
    /// Standard output ended.
    End,
    /// Nothing within the time limit.
    Silence,
    /// The batch is to stop.
    Stop,
}

/// A running process, its requests and its answers.
struct Worker {
    child: Child,
    /// Read by a thread that writes, since a write may block. Dropped, standard input ends.
    requests: Sender<String>,
    lines: Receiver<Vec<u8>>,
    /// How many rows at the queue's front it has been asked for.
    asked: usize,
    /// How many it may be asked for at once.
    depth: usize,
    /// Since when it works on the first of them.
    since: Instant,
    /// It has answered nothing yet.
    fresh: bool,
}

impl Worker {
    fn start(work: &Work) -> io::Result<Self> {
        let (program, arguments) = work.command();
        let mut child = Child::start(program, &work.program.folder, |command| {
            command
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped());
        })?;
        let (requests, to_write) = mpsc::channel::<String>();
        if let Some(mut stdin) = child.stdin() {
            std::thread::spawn(move || {
                for text in to_write {
                    if stdin.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
        let (answers, lines) = mpsc::sync_channel(2 * DEPTH);
        if let Some(stdout) = child.stdout() {
            let most = work.shape.most_bytes();
            std::thread::spawn(move || read_lines(stdout, most, &answers));
        }
        Ok(Self {
            child,
            requests,
            lines,
            asked: 0,
            depth: 1,
            since: Instant::now(),
            fresh: true,
        })
    }

    /// Sends the requests of as many rows as it may be asked for.
    fn ask(&mut self, work: &Work, rows: &VecDeque<usize>) {
        let ask = rows.len().min(self.depth);
        if self.asked >= ask {
            return;
        }
        let mut text = String::new();
        for &row in rows.range(self.asked..ask) {
            text.push_str(&work.requests.json_line(row));
            text.push('\n');
        }
        if self.asked == 0 {
            self.since = Instant::now();
        }
        self.asked = ask;
        // A process that is gone is noticed where its answers end.
        let _ = self.requests.send(text);
    }

    /// Waits for a line.
    fn hear(&self, work: &Work) -> Heard {
        let grace = if self.fresh { STARTING } else { Duration::ZERO };
        let limit = work.time_limit() + grace;
        loop {
            let Some(left) = limit.checked_sub(self.since.elapsed()) else {
                return Heard::Silence;
            };
            match self.lines.recv_timeout(left.min(LOOK)) {
                Ok(line) => return Heard::Line(line),
                Err(RecvTimeoutError::Disconnected) => return Heard::End,
                Err(RecvTimeoutError::Timeout) if work.stopped() => return Heard::Stop,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Notes an answer; whether it counts. A fresh process that overstepped the time limit has
    /// perhaps only started slowly: its first row is asked again, so that the limit is the same
    /// for every row.
    fn answered(&mut self, work: &Work) -> bool {
        let took = self.since.elapsed();
        let in_time = !self.fresh || took <= work.time_limit();
        self.fresh = false;
        self.asked -= 1;
        self.since = Instant::now();
        self.depth = if took < QUICK { DEPTH } else { 1 };
        in_time
    }

    /// Ends the process and adds its last words to what went wrong.
    fn fail(self, what: String) -> Failure {
        Failure {
            what,
            last_words: self.child.end(Duration::ZERO).last_words,
        }
    }

    fn crashed(self) -> Failure {
        let end = self.child.end(LEAVING);
        Failure {
            what: if end.by_itself {
                format!("the program ended before it answered ({})", end.status)
            } else {
                "the program closed its standard output before it answered".to_owned()
            },
            last_words: end.last_words,
        }
    }

    /// Lets the process end by itself.
    fn leave(self) {
        drop(self.requests);
        self.child.end(LEAVING);
    }
}

/// Passes on whole lines, or what exceeds `most` bytes, until standard output ends.
fn read_lines(stdout: ChildStdout, most: u64, answers: &SyncSender<Vec<u8>>) {
    let mut reader = BufReader::with_capacity(1 << 16, stdout);
    loop {
        let mut line = Vec::new();
        let read = reader.by_ref().take(most).read_until(b'\n', &mut line);
        let whole = line.last() == Some(&b'\n') || line.len() as u64 == most;
        if read.is_err() || !whole || answers.send(line).is_err() {
            return;
        }
    }
}
