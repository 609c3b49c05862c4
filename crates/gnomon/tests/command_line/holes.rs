//! Resonances of a mechanism file, and what is refused.

use std::fs;

use crate::terminal::*;

/// A driven oscillator of quality 10,000: the real and the imaginary part of its response.
const OSCILLATOR: &str = r#"
[parameters]
w  = "Uniform(0.1, 3)"
w0 = "Uniform(1, 1.468)"
Q  = 1e4

[definitions]
off  = "w0^2 - w^2"
loss = "w * w0 / Q"

[observed]
re    = { distribution = "off / (off^2 + loss^2)", count = 1 }
im    = { distribution = "-loss / (off^2 + loss^2)", count = 1 }
noisy = { distribution = "Normal(re_is_not_used, 1)", count = 1 }
"#;

fn oscillator() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oscillator.toml");
    fs::write(&path, OSCILLATOR.replace("re_is_not_used", "w0")).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn a_narrow_resonance_is_found_and_drawn() {
    let (folder, path) = oscillator();
    let output = folder.path().join("out");
    let asked = [
        "holes", &path, "--over", "w", "--of", "re,im", "--at", "w0=1.3",
    ];
    let told = succeeds(&[&asked[..], &["--output", &output.display().to_string()]].concat());
    let words = String::from_utf8(told.stdout.clone()).unwrap();
    assert!(
        words.contains("structural: no other pole with a residue above"),
        "{words}"
    );
    assert!(words.contains("cannot exclude"), "{words}");
    let written: serde_json::Value =
        serde_json::from_slice(&fs::read(output.join("holes.json")).unwrap()).unwrap();
    let found = json(&succeeds(&[&asked[..], &["--json"]].concat()));
    assert_eq!(found, written);
    let poles = found["poles"].as_array().unwrap();
    assert_eq!(poles.len(), 1, "{found}");
    assert!((poles[0]["position"].as_f64().unwrap() - 1.3).abs() < 0.1 * 1.3e-4);
    assert!((poles[0]["width"].as_f64().unwrap() / 1.3e-4 - 1.0).abs() < 0.01);
    assert_eq!(found["at"]["w0"], 1.3);
    let figure = fs::read_to_string(output.join("figures/holes.svg")).unwrap();
    assert!(figure.contains("residue that would show"));
}

#[test]
fn what_cannot_be_scanned_is_refused() {
    let (_folder, path) = oscillator();
    for (arguments, message) in [
        (vec!["--over", "omega"], "no parameter `omega`"),
        (vec!["--over", "w"], "`noisy` is observed with noise"),
        (vec!["--over", "w", "--of", "y"], "observes no `y`"),
        (vec!["--over", "w", "--of", "re", "--from", "4"], "is empty"),
        (
            vec!["--over", "w", "--of", "re", "--tolerance", "0"],
            "tolerance",
        ),
        (
            vec!["--over", "w", "--of", "re", "--budget", "60"],
            "budget",
        ),
        (
            vec!["--over", "w", "--of", "re", "--at", "w=1"],
            "cannot be held",
        ),
    ] {
        let asked = [&["holes", path.as_str()][..], &arguments].concat();
        fails(&asked, 3, &[message]);
    }
}
