//! External programs, well and badly behaved: short Python scripts in temporary folders.
//!
//! Without `python3` these tests say so and pass.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gnomon_mechanism::expression::{Graph, Input};
use gnomon_mechanism::model::{
    Distribution, Dynamics, Law, Observed, Parameter, Program, Protocol,
};
use gnomon_mechanism::{Family, Mechanism};
use gnomon_simulate::program::{ProgramBatch, ProgramError, run};
use tempfile::TempDir;

/// A worker that draws `x` (3 entries) and counts `n`; `answer` may be changed by a test's script.
const WORKER: &str = r#"
import json, os, random, sys, time
def simulate(seed, a, b):
    draw = random.Random(seed)
    return {"x": [a + b * draw.random() for _ in range(3)], "n": draw.randrange(10)}
def answer(i, seed, p):
    return json.dumps({"id": i, "observed": simulate(seed, **p)})
"#;
const LOOP: &str = r#"
for line in sys.stdin:
    request = json.loads(line)
    print(answer(request["id"], request["seed"], request["parameters"]), flush=True)
"#;

fn python_is_missing() -> bool {
    let missing = Command::new("python3").arg("--version").output().is_err();
    if missing {
        eprintln!("skipped: there is no python3 to run the test's programs");
    }
    missing
}

/// Parameters `a` and `b`, observed `x` (3 entries) and `n`, all from a program.
fn mechanism(program: &Program) -> Mechanism {
    let mut graph = Graph::new();
    let node = graph.input(Input::Time);
    let distribution = Distribution {
        family: Family::Exact,
        arguments: vec![node],
    };
    let parameter = |name: &str| Parameter {
        name: name.to_owned(),
        prior: distribution.clone(),
        unit: None,
        description: None,
    };
    let observed = |name: &str, times: &[f64]| Observed {
        name: name.to_owned(),
        times: times.to_vec(),
        distribution: distribution.clone(),
        missing: None,
        rounded: None,
        unit: None,
        description: None,
    };
    Mechanism {
        name: "test".to_owned(),
        description: String::new(),
        text: Arc::from(""),
        parameters: vec![parameter("a"), parameter("b")],
        latents: Vec::new(),
        likelihood: None,
        acceptance: Vec::new(),
        conserved: Vec::new(),
        derived: Vec::new(),
        dynamics: Dynamics {
            states: Vec::new(),
            start: 0.0,
            law: Law::Program(program.clone()),
            flows: Vec::new(),
            lags: Vec::new(),
            events: Vec::new(),
            moment: None,
        },
        observed: vec![observed("x", &[1.0, 2.0, 3.0]), observed("n", &[1.0])],
        graph,
    }
}

/// A script in a folder of its own.
struct Script {
    folder: TempDir,
    program: Program,
}

impl Script {
    fn new(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("simulator.py"), text).unwrap();
        let program = Program {
            command: ["python3", "-S", "-E", "simulator.py"]
                .map(str::to_owned)
                .to_vec(),
            folder: folder.path().to_owned(),
            protocol: Protocol::JsonLines,
            time_limit: 5.0,
            most_failures: 0.99,
            place: None,
        };
        Self { folder, program }
    }

    /// A worker whose `answer` is replaced; it may call `good(i, seed, p)`.
    fn worker(answer: &str) -> Self {
        Self::new(&format!("{WORKER}\ngood = answer\n{answer}\n{LOOP}"))
    }

    fn one_shot(text: &str, ending: &str, arguments: &[&str]) -> Self {
        let mut script = Self::new(text);
        let arguments = arguments.iter().map(|&word| word.to_owned());
        script.program.command.extend(arguments);
        script.program.protocol = Protocol::OneShot {
            ending: ending.to_owned(),
        };
        script
    }

    fn run(&self, count: usize, workers: usize) -> Result<ProgramBatch, ProgramError> {
        let a = (0..count).map(|i| 0.1 * i as f64).collect();
        let b = vec![1.0; count];
        let simulations: Vec<u64> = (100..).take(count).collect();
        let (mechanism, cancel) = (mechanism(&self.program), None);
        run(
            &mechanism,
            &self.program,
            &[a, b],
            7,
            &simulations,
            workers,
            cancel,
        )
    }

    /// Rows that failed, by their number, with their reasons.
    fn failures(&self, count: usize, workers: usize) -> Vec<(usize, String)> {
        let batch = self.run(count, workers).unwrap();
        assert_eq!(batch.observed.len(), 4);
        let mut failed = Vec::new();
        for (row, failure) in batch.failures.into_iter().enumerate() {
            for column in &batch.observed {
                assert_eq!(column.len(), count);
                assert_eq!(column[row].is_nan(), failure.is_some(), "row {row}");
            }
            failed.extend(failure.map(|reason| (row, reason)));
        }
        failed
    }
}

/// Waits until no process of this number runs any more.
fn is_gone(pid: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(2);
    while Path::new("/proc").join(pid).exists() {
        // An orphan stays as a zombie where nothing reaps orphans.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        if status.contains("State:\tZ") {
            return true;
        }
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn a_good_worker_gives_the_same_at_any_number_of_workers() {
    if python_is_missing() {
        return;
    }
    let script = Script::worker("");
    let one = script.run(400, 1).unwrap();
    assert_eq!(one, script.run(400, 3).unwrap());
    assert!(one.failures.iter().all(Option::is_none));
    // Parameters arrive exactly, seeds differ: a + b * random is distinct and in [a, a + b).
    for (row, x) in one.observed[0].iter().enumerate() {
        let a = 0.1 * row as f64;
        assert!((a..a + 1.0).contains(x));
    }
    let mut shifted: Vec<f64> = one.observed[0]
        .iter()
        .enumerate()
        .map(|(i, x)| x - 0.1 * i as f64)
        .collect();
    shifted.sort_by(f64::total_cmp);
    shifted.dedup();
    assert_eq!(shifted.len(), 400);
    assert!(
        one.observed[3]
            .iter()
            .all(|n| (0.0..10.0).contains(n) && n.fract() == 0.0)
    );
    assert_eq!(
        script.run(0, 2).unwrap().observed,
        vec![Vec::<f64>::new(); 4]
    );
}

#[test]
fn the_request_carries_id_seed_and_parameters_exactly() {
    if python_is_missing() {
        return;
    }
    let script = Script::worker(
        "def answer(i, seed, p):\n    assert isinstance(seed, int) and 0 <= seed < 2**53\n    return json.dumps({'id': i, 'observed': {'x': [p['a'], p['b'], i], 'n': seed}})",
    );
    let batch = script.run(50, 2).unwrap();
    for row in 0..50 {
        assert_eq!(
            batch.observed[0][row].to_bits(),
            (0.1 * row as f64).to_bits()
        );
        assert_eq!(batch.observed[1][row], 1.0);
        assert_eq!(batch.observed[2][row], 100.0 + row as f64);
    }
}

#[test]
fn bad_answers_are_failed_rows_with_their_reasons() {
    if python_is_missing() {
        return;
    }
    let script = Script::worker(
        r#"
def answer(i, seed, p):
    kind, text = i % 13, good(i, seed, p)
    if kind == 1: return json.dumps({"id": i, "error": "the queue never empties"})
    if kind == 2: return json.dumps({"id": i, "observed": {"x": [1, 2, float("nan")], "n": 1}})
    if kind == 3: return json.dumps({"id": i, "observed": {"x": [1, 2], "n": 1}})
    if kind == 4: return json.dumps({"id": i, "observed": {"x": [1, 2, 3]}})
    if kind == 5: return "warming up"
    if kind == 6: return json.dumps({"id": i + 1, "observed": {}})
    if kind == 7: raise ValueError("no stable solution")
    if kind == 8: os.kill(os.getpid(), 11)
    # The line too many must not harm the next row.
    if kind == 9: return text + "\n" + text
    return text
"#,
    );
    let failed = script.failures(13, 1);
    assert_eq!(failed, script.failures(13, 3));
    for (row, reason) in &failed {
        let expected = match (row + 100) % 13 {
            1 => "the queue never empties",
            2 => "`x` is not a finite number in entry 3",
            3 => "`x` has 2 entries instead of 3",
            4 => "the answer lacks `n` (it has `x`)",
            5 => "a line that is not a JSON object: `warming up`",
            6 => "an answer to another request's `id`",
            7 => "the program ended before it answered (exit status: 1); standard error ends:",
            8 => "the program ended before it answered (signal: 11",
            kind => panic!("row {row} of kind {kind} failed: {reason}"),
        };
        assert!(reason.starts_with(expected), "{reason}");
        assert_eq!(
            reason.contains("ValueError: no stable solution"),
            (row + 100) % 13 == 7
        );
    }
    assert_eq!(failed.len(), 8);
}

#[test]
fn silence_past_the_time_limit_fails_its_row_only() {
    if python_is_missing() {
        return;
    }
    let mut script = Script::worker(
        "def answer(i, seed, p):\n    if i % 20 == 7: time.sleep(60)\n    return good(i, seed, p)",
    );
    script.program.time_limit = 0.6;
    let failed = script.failures(40, 1);
    let reason = "no answer within 0.6 s".to_owned();
    assert_eq!(failed, [(7, reason.clone()), (27, reason)]);
}

#[test]
fn a_worker_that_crashes_now_and_then_loses_no_row() {
    if python_is_missing() {
        return;
    }
    let script = Script::worker(
        "count = 0\ndef answer(i, seed, p):\n    global count\n    count += 1\n    if count == 20: sys.exit('out of memory')\n    return good(i, seed, p)",
    );
    let crashing = script.run(100, 2).unwrap();
    assert_eq!(crashing, Script::worker("").run(100, 1).unwrap());
}

#[test]
fn a_slow_start_is_not_held_against_the_first_row() {
    if python_is_missing() {
        return;
    }
    let mut script = Script::new(&format!("{WORKER}\ntime.sleep(0.9)\n{LOOP}"));
    script.program.time_limit = 0.6;
    assert_eq!(script.failures(5, 1), []);
    // But a first row that is slow itself fails as any other does.
    let mut script = Script::worker(
        "def answer(i, seed, p):\n    if i == 100: time.sleep(0.9)\n    return good(i, seed, p)",
    );
    script.program.time_limit = 0.6;
    let failed = script.failures(5, 1);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].0, 0);
}

#[test]
fn a_program_that_cannot_start_is_an_error_that_says_why() {
    let mut script = Script::new("");
    script.program.command = vec!["no-such-simulator".to_owned()];
    let error = script.run(5, 2).unwrap_err();
    assert!(matches!(error, ProgramError::Start { .. }));
    assert!(
        error
            .to_string()
            .contains("cannot start `no-such-simulator` in ")
    );
    script.program.command.clear();
    assert!(matches!(script.run(5, 2), Err(ProgramError::Command(_))));
}

#[test]
fn a_program_that_never_works_is_an_error_with_its_last_words() {
    if python_is_missing() {
        return;
    }
    let error = Script::new("import a_module_that_is_not_there")
        .run(1000, 2)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, ProgramError::NeverAnswered { tried: 10, .. }),
        "{text}"
    );
    assert!(
        text.contains("No module named 'a_module_that_is_not_there'"),
        "{text}"
    );
    let help = error.help();
    assert!(help.contains(r#"echo '{"id": 100, "seed": "#), "{help}");
}

#[test]
fn too_many_failures_end_the_run() {
    if python_is_missing() {
        return;
    }
    let mut script = Script::worker(
        "def answer(i, seed, p):\n    if i % 3 == 0: return json.dumps({'id': i, 'error': 'diverged'})\n    return good(i, seed, p)",
    );
    script.program.most_failures = 0.3;
    let text = script.run(60, 2).unwrap_err().to_string();
    assert!(text.contains("20 of 60 simulations"), "{text}");
    assert!(text.contains("20 x diverged"), "{text}");
    script.program.most_failures = 0.34;
    assert_eq!(script.failures(60, 2).len(), 20);
    // A share that is past doubt ends the run early, at the same row whatever the workers.
    script.program.most_failures = 0.05;
    let tried = |workers| match script.run(5000, workers) {
        Err(ProgramError::TooManyFailures { tried, .. }) => tried,
        other => panic!("{other:?}"),
    };
    assert!(tried(1) < 100);
    assert_eq!(tried(1), tried(3));
}

#[test]
fn one_shot_programs_write_csv_or_json() {
    if python_is_missing() {
        return;
    }
    let csv = Script::one_shot(
        "import sys, random\na, b, seed, output = sys.argv[1:]\ndraw = random.Random(int(seed))\nx = [float(a) + float(b) * draw.random() for _ in range(3)]\nopen(output, 'w').write('n,x\\n%d,%r\\n,%r\\n,%r\\n' % (draw.randrange(10), *x))",
        ".csv",
        &["{a}", "{b}", "{seed}", "{output}"],
    );
    let json = Script::one_shot(
        &format!(
            "{WORKER}\np = json.load(open(sys.argv[1]))\njson.dump(simulate(int(sys.argv[2]), **p), open(sys.argv[3], 'w'))"
        ),
        ".json",
        &["{parameters}", "{seed}", "{output}"],
    );
    let worker = Script::worker("").run(6, 1).unwrap();
    assert_eq!(csv.run(6, 2).unwrap(), worker);
    assert_eq!(json.run(6, 3).unwrap(), worker);
}

#[test]
fn one_shot_failures_are_failed_rows() {
    if python_is_missing() {
        return;
    }
    let mut script = Script::one_shot(
        r#"
import os, sys, time
row, output = round(10 * float(sys.argv[1])), sys.argv[2]
if row == 1: sys.exit("out of fuel")
if row == 2: sys.exit(0)
if row == 3: open(output, "w").write("x,n\n1,2\n"); sys.exit(0)
if row == 4:
    open("pid", "w").write(str(os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")))
    time.sleep(60)
open(output, "w").write("x,n\n1,2\n2,\n3,\n")
"#,
        ".csv",
        &["{a}", "{output}"],
    );
    script.program.time_limit = 2.0;
    let failed = script.failures(6, 2);
    let expected = [
        (
            1,
            "the program failed (exit status: 1); standard error ends: out of fuel",
        ),
        (2, "the program wrote no output file"),
        (3, "`x` has 1 entries instead of 3"),
        (4, "no end within 2 s"),
    ];
    assert_eq!(
        failed,
        expected.map(|(row, reason)| (row, reason.to_owned()))
    );
    let pid = std::fs::read_to_string(script.folder.path().join("pid")).unwrap();
    assert!(is_gone(&pid));
    script.program.command.pop();
    assert!(matches!(script.run(6, 2), Err(ProgramError::Command(_))));
}

/// Runs a program that writes its own and a descendant's number and then waits; cancels it.
fn cancel(script: &Script) {
    let cancel = AtomicBool::new(false);
    let pids = script.folder.path().join("pids");
    std::thread::scope(|scope| {
        let batch = scope.spawn(|| {
            let mechanism = mechanism(&script.program);
            run(
                &mechanism,
                &script.program,
                &[vec![0.0; 5], vec![0.0; 5]],
                1,
                &[0, 1, 2, 3, 4],
                1,
                Some(&cancel),
            )
        });
        let until = Instant::now() + Duration::from_secs(5);
        while !pids.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let began = Instant::now();
        cancel.store(true, Ordering::Relaxed);
        assert!(matches!(
            batch.join().unwrap(),
            Err(ProgramError::Cancelled)
        ));
        assert!(began.elapsed() < Duration::from_secs(1));
    });
    let text = std::fs::read_to_string(pids).unwrap();
    assert_eq!(text.split_whitespace().count(), 2);
    assert!(text.split_whitespace().all(is_gone), "{text}");
}

#[test]
fn a_cancelled_run_leaves_no_process() {
    if python_is_missing() {
        return;
    }
    let text = "import os, time\nchild = os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '60')\nopen('part', 'w').write('%d %d' % (os.getpid(), child))\nos.rename('part', 'pids')\ntime.sleep(60)";
    cancel(&Script::new(text));
    cancel(&Script::one_shot(text, ".csv", &["{output}"]));
}

#[test]
fn a_finished_run_leaves_no_process() {
    if python_is_missing() {
        return;
    }
    // The worker does not end with its input, and has a descendant in its group.
    let script = Script::new(&format!(
        "{WORKER}\nchild = os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '60')\nopen('pids', 'w').write('%d %d' % (os.getpid(), child))\n{LOOP}\ntime.sleep(60)"
    ));
    assert_eq!(script.failures(3, 1), []);
    let pids = std::fs::read_to_string(script.folder.path().join("pids")).unwrap();
    assert!(pids.split_whitespace().all(is_gone));
}

#[test]
fn columns_that_do_not_fit_are_refused_and_infinite_parameters_fail_their_row() {
    if python_is_missing() {
        return;
    }
    let script = Script::worker("");
    let mechanism = mechanism(&script.program);
    let given =
        |parameters: &[Vec<f64>]| run(&mechanism, &script.program, parameters, 1, &[0, 1], 1, None);
    assert!(matches!(
        given(&[vec![0.0; 2]]),
        Err(ProgramError::Columns { .. })
    ));
    assert!(matches!(
        given(&[vec![0.0; 2], vec![0.0]]),
        Err(ProgramError::Columns { .. })
    ));
    let batch = given(&[vec![0.0, f64::INFINITY], vec![1.0; 2]]).unwrap();
    assert_eq!(
        batch.failures,
        [None, Some("the parameter `a` is inf".to_owned())]
    );
}

#[test]
fn the_queue_study_reads_runs_and_shows_what_its_simulator_answered() {
    if python_is_missing() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../studies/queue");
    let queue = Mechanism::read(folder.join("queue.toml")).unwrap();
    let Law::Program(program) = &queue.dynamics.law else {
        panic!("{:?}", queue.dynamics.law);
    };
    // Departures of a queue that is never empty are services: uniform on [1, 5].
    let parameters = [1.0, 4.0, 1e6].map(|value| vec![value; 100]);
    let simulations: Vec<u64> = (0..100).collect();
    let batch = run(&queue, program, &parameters, 1, &simulations, 2, None).unwrap();
    assert_eq!(batch.failures, vec![None; 100]);
    let mean = |entry: usize| batch.observed[entry].iter().sum::<f64>() / 100.0;
    // The median of 50 has an sd of 2 / sqrt(52); five sd of the mean of 100 are 0.14, so a false
    // alarm is rarer than 1e-6.
    assert!((mean(2) - 3.0).abs() < 0.14);
    // The extremes of 50 lie a fifty-first from the ends, five sd of the mean of 100 are 0.04.
    assert!((mean(0) - (1.0 + 4.0 / 51.0)).abs() < 0.04);
    assert!((mean(4) - (5.0 - 4.0 / 51.0)).abs() < 0.04);

    // The study's data are the answer to the request that it quotes.
    let study = std::fs::read_to_string(folder.join("study.toml")).unwrap();
    let request = study
        .lines()
        .find_map(|line| line.strip_prefix("# {"))
        .unwrap();
    let mut simulator = Command::new("python3")
        .arg("simulator.py")
        .current_dir(&folder)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = simulator.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{{{request}\n").as_bytes()).unwrap();
    drop(stdin);
    let answer = String::from_utf8(simulator.wait_with_output().unwrap().stdout).unwrap();
    let data = study
        .lines()
        .find_map(|line| line.strip_prefix("gap = "))
        .unwrap();
    assert!(answer.contains(data), "{answer} has not {data}");
}
