//! What a command prints: text for people, or one JSON object.

use std::io::Write;

use gnomon::failure::Failure;
use gnomon::probability::percent;
use gnomon::report::content::{
    Claim, Posterior, Refinement, Round, SharedQuantity, Standing, Subject, Unseen, Verdict,
};
use gnomon::stage::answer::Answer;
use miette::Diagnostic;
use serde_json::{Value, json};

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON object instead of text.
    pub json: bool,
    /// Nothing.
    pub quiet: bool,
}

impl Output {
    /// Prints a result: `text` for people, `value` for programs.
    ///
    /// # Errors
    /// As [`print`].
    pub fn result(self, text: &str, value: &Value) -> Result<(), Failure> {
        if self.json {
            print(&value.to_string())
        } else if !self.quiet {
            print(text)
        } else {
            Ok(())
        }
    }
}

/// Prints a line; a reader that went away is no error.
///
/// # Errors
/// Where standard output takes no more.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Outside(
            format!("the result could not be printed: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Prints why a command failed: on standard error, and with `json` as an object on standard output.
pub fn failure(failure: Failure, json: bool) {
    if json {
        let help = failure.help().map(|help| help.to_string());
        let place = match &failure {
            Failure::Study(error) | Failure::Program(error) => error.place().map(|(file, line, column, text)| {
                json!({ "file": file, "line": line, "column": column, "text": text })
            }),
            _ => None,
        };
        let error = json!({
            "message": failure.to_string(), "help": help, "place": place,
            "exit_code": failure.exit_code(),
        });
        // Where this cannot be printed, the lines on standard error say all.
        let _ = print(&json!({ "error": error }).to_string());
    }
    eprintln!("{:?}", miette::Report::new(failure));
}

/// The answer and its claims, for people.
pub fn summary(answer: &Answer, claims: &[Claim]) -> String {
    let mut text = String::new();
    for line in wrap(&answer.sentence, 88) {
        text += &format!("{line}\n");
    }
    if !answer.condition.is_empty() {
        text += "\n";
        for line in wrap(&answer.condition, 88) {
            text += &format!("{line}\n");
        }
    }
    let told = answer.mechanisms.iter().all(|m| m.posterior.is_finite());
    if answer.mechanisms.len() > 1 && told {
        text += "\nMechanism            prior  posterior\n";
        for mechanism in &answer.mechanisms {
            text += &format!(
                "  {:<18} {:>7}  {:>9}\n",
                mechanism.name,
                percent(mechanism.prior),
                percent(mechanism.posterior)
            );
        }
    }
    text += &shared_table(&answer.shared);
    for posterior in &answer.posteriors {
        text += &posterior_table(posterior, answer.posteriors.len() > 1);
    }
    for unseen in &answer.unseen {
        text += &unseen_table(unseen);
    }
    text += &rounds_table(&answer.rounds);
    text += &refinement_table(&answer.refinement);
    if answer.refinement.is_empty() && told {
        text += "\nThis is the networks' own answer (amortized): no likelihood has corrected it.\n";
    }
    let raised: Vec<&str> = answer
        .alarms
        .iter()
        .filter(|alarm| alarm.raised)
        .map(|alarm| &*alarm.name)
        .collect();
    if !answer.alarms.is_empty() {
        text += &match raised.as_slice() {
            [] => format!(
                "\nAlarms about the data: none of {} raised\n",
                answer.alarms.len()
            ),
            names => format!("\nAlarms about the data: {}\n", names.join("; ")),
        };
    }
    if !claims.is_empty() {
        text += &claims_table(claims);
    }
    text
}

fn row(name: &str, unit: &str, summary: &gnomon::report::content::Summary) -> String {
    if let Some(values) = summary.by_value() {
        return format!("  {name:<22} {values} {unit}\n");
    }
    let [low, high] = summary.interval_90;
    format!(
        "  {name:<22} {:>10} ± {:<9} {:>9} to {:<9} {unit}\n",
        significant(summary.mean),
        significant(summary.sd),
        significant(low),
        significant(high)
    )
}

const HEAD: &str = "mean ± sd                90 % interval\n";

fn shared_table(shared: &[SharedQuantity]) -> String {
    if shared.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{:<31}{HEAD}", "Over mechanisms");
    for quantity in shared {
        for given in &quantity.given {
            let name = match &given.mechanism {
                None => quantity.quantity.name.clone(),
                Some(mechanism) => format!("  given {mechanism}"),
            };
            text += &row(&name, &quantity.quantity.unit, &given.summary);
        }
    }
    text
}

fn posterior_table(posterior: &Posterior, several: bool) -> String {
    if posterior.quantities.is_empty() {
        return String::new();
    }
    let title = if several {
        format!("Given {}", posterior.mechanism)
    } else {
        "Posterior".to_owned()
    };
    let mut text = format!("\n{title:<31}{HEAD}");
    for (quantity, summary) in posterior.quantities.iter().zip(&posterior.summaries) {
        text += &row(&quantity.name, &quantity.unit, summary);
    }
    let all = posterior.quantities.iter().zip(&posterior.identified);
    for (quantity, found) in all.filter(|(_, found)| !found.informed) {
        for (number, line) in wrap(&format!("{} {}", quantity.name, found.words), 84)
            .iter()
            .enumerate()
        {
            text += &format!("{}{line}\n", if number == 0 { "  " } else { "    " });
        }
    }
    text
}

/// Entries of a series that are printed; the rest is in files.
const SHOWN_ENTRIES: usize = 15;

fn unseen_table(unseen: &Unseen) -> String {
    let prediction = &unseen.prediction;
    let at = |level: f64, entry: usize| {
        let near = |other: &f64| (other - level).abs() < 1e-9;
        let place = prediction.levels.iter().position(near);
        place.map_or(f64::NAN, |place| prediction.quantiles[place][entry])
    };
    let mut text = format!(
        "\n{:<31}median          50 % interval          90 % interval\n",
        format!("{} at", unseen.label)
    );
    let every = prediction.times.len().div_ceil(SHOWN_ENTRIES).max(1);
    if every > 1 {
        text += &format!("  (one entry in {every}; all are in answer.json)\n");
    }
    for entry in (every - 1..prediction.times.len()).step_by(every) {
        let [low, quarter, median, three, high] =
            [0.05, 0.25, 0.5, 0.75, 0.95].map(|level| significant(at(level, entry)));
        let between = |low: &str, high: &str| format!("{low:>9} to {high:<9}");
        text += &format!(
            "  {:<22} {median:>12} {} {} {}\n",
            prediction.times[entry].to_string(),
            between(&quarter, &three),
            between(&low, &high),
            unseen.given.unit
        );
    }
    for own in &unseen.of_paths {
        let between =
            |[low, high]: [f64; 2]| format!("{:>9} to {:<9}", significant(low), significant(high));
        text += &format!(
            "  {:<22} {:>12} {} {} {}\n",
            own.name,
            significant(own.median),
            between(own.interval_50),
            between(own.interval_90),
            unseen.given.unit
        );
    }
    if let Some(found) = &unseen.identified {
        for line in wrap(&found.words, 86) {
            text += &format!("  {line}\n");
        }
    }
    text
}

fn rounds_table(rounds: &[Round]) -> String {
    if rounds.is_empty() {
        return String::new();
    }
    let mut text = "\nRound  simulations  failed  of the prior  mean moved  sd times\n".to_owned();
    for (number, round) in (1..).zip(rounds) {
        text += &format!(
            "  {number:<5} {:>10}  {:>6}  {:>11} %  {:>7}   {:>7}\n",
            round.simulations,
            round.failed,
            significant(100.0 * round.mass),
            significant(round.shift),
            significant(round.spread)
        );
    }
    text + "  mean moved: the farthest since the round before, in posterior sds; sd times: the largest \
            change\n"
}

fn refinement_table(refinement: &[Refinement]) -> String {
    if refinement.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    if refinement.iter().any(|one| one.calls > 0) {
        text +=
            "\nHeld against the likelihood    answer   by               ESS  k-hat  ln evidence\n";
    }
    for one in refinement.iter().filter(|one| one.calls > 0) {
        let standing = match one.standing {
            Standing::Amortized => "network's",
            Standing::Refined => "refined",
            Standing::Exact => "exact",
        };
        let k_hat = match one.k_hat.is_nan() {
            true => "-".to_owned(),
            false => format!("{:.2}", one.k_hat),
        };
        text += &format!(
            "  {:<29}{standing:<8} {:<11} {:>8}  {:>5}  {:>7.2} ± {}\n",
            one.mechanism,
            // `importance sampling`, `tempering`, and with which filter is in the report.
            one.method.split(' ').next().unwrap_or_default(),
            match one.effective.is_nan() {
                true => "-".to_owned(),
                false => format!("{:.0}", one.effective),
            },
            k_hat,
            one.log_evidence,
            significant(one.log_evidence_error)
        );
    }
    for one in refinement.iter().filter(|one| !one.because.is_empty()) {
        for (number, line) in wrap(&format!("{}: {}", one.mechanism, one.because), 84)
            .iter()
            .enumerate()
        {
            text += &format!("{}{line}\n", if number == 0 { "\n  " } else { "    " });
        }
    }
    text
}

pub(super) fn claims_table(claims: &[Claim]) -> String {
    let count = |verdict: Verdict| claims.iter().filter(|c| c.verdict == verdict).count();
    let mut counts = Vec::new();
    for (verdict, word) in [
        (Verdict::Survived, "survived"),
        (Verdict::Falsified, "falsified"),
        (Verdict::Undecided, "undecided"),
        (Verdict::Untestable, "untestable"),
        (Verdict::Vacuous, "vacuous"),
    ] {
        if count(verdict) > 0 {
            counts.push(format!("{} {word}", count(verdict)));
        }
    }
    let mut text = format!("\nClaims: {} tested, {}\n", claims.len(), counts.join(", "));
    for claim in claims
        .iter()
        .filter(|claim| claim.verdict != Verdict::Survived)
    {
        let [low, high] = claim.interval.map(significant);
        text += &format!(
            "  {}: {}, {} (estimate {}, {low} to {high}; held against {})\n",
            word(claim.verdict),
            claim.name,
            about(claim.subject),
            significant(claim.estimate),
            significant(claim.tolerance)
        );
        if !claim.because.is_empty() {
            text += &format!("    {}\n", claim.because);
        }
    }
    if count(Verdict::Untestable) > 0 {
        text += "  Untestable: the test could not have told with so few data sets; raise\n  \
                 `[claims] data_sets` or `tolerance`.\n";
    }
    text
}

/// Whose answer a claim is about, which need not be the one above it.
fn about(subject: Subject) -> &'static str {
    match subject {
        Subject::Amortized => "about the networks' answer",
        Subject::Refined => "about the refined answer",
        Subject::Emulated => "about the emulator",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Survived => "survived",
        Verdict::Falsified => "FALSIFIED",
        Verdict::Undecided => "undecided",
        Verdict::Untestable => "untestable",
        Verdict::Vacuous => "vacuous",
    }
}

/// Three significant digits, without an exponent where that reads well.
pub fn significant(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return if x.is_nan() {
            "-".into()
        } else {
            x.to_string()
        };
    }
    let digits = 2 - x.abs().log10().floor() as i32;
    match digits {
        -4..=6 => format!("{x:.*}", digits.max(0) as usize),
        _ => format!("{x:.2e}"),
    }
}

/// `text` in lines of at most `width` characters where words allow.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    // Not at non-breaking spaces, which keep a number and its unit together.
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        let full = lines.last().is_some_and(|line| {
            !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width
        });
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let printed = [0.0, 1.0, 12345.0, 0.000_123_4, 3.456e-9, -2.5, f64::NAN].map(significant);
        assert_eq!(
            printed,
            ["0", "1.00", "12345", "0.000123", "3.46e-9", "-2.50", "-"]
        );
    }

    #[test]
    fn claims_and_answers_say_whose_they_are() {
        let claim = |subject| Claim {
            name: "coverage".into(),
            verdict: Verdict::Falsified,
            subject,
            ..Claim::default()
        };
        let table = claims_table(&[claim(Subject::Amortized), claim(Subject::Refined)]);
        assert!(table.contains("FALSIFIED: coverage, about the networks' answer ("));
        assert!(table.contains("FALSIFIED: coverage, about the refined answer ("));

        let mut answer = Answer::default();
        assert!(summary(&answer, &[]).contains("networks' own answer (amortized)"));
        answer.refinement.push(Refinement {
            standing: Standing::Exact,
            method: "tempering with a grid filter".into(),
            calls: 1,
            ..Refinement::default()
        });
        let text = summary(&answer, &[]);
        assert!(
            !text.contains("amortized") && text.contains("exact    tempering  "),
            "{text}"
        );
    }

    #[test]
    fn long_text_is_wrapped_at_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
