//! How much memory the machine has, and how an amount is said.

/// Taken for the machine's memory where the system does not say.
const UNKNOWN: u64 = 8 << 30;

/// Bytes of memory that this process may use: the machine's, or its control group's.
#[must_use]
pub fn available() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok();
    let machine = machine.and_then(|text| total(&text)).unwrap_or(UNKNOWN);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    group.map_or(machine, |group| group.min(machine))
}

/// An amount as a user reads it, such as "1.5 GB".
#[must_use]
pub fn in_words(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes if bytes >= 1e6 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} KB", bytes / 1e3),
    }
}

/// The total in the words of `/proc/meminfo`.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_in_fitting_units() {
        let said = [1_500_000_000, 2_000_000, 24_000].map(in_words);
        assert_eq!(said, ["1.5 GB", "2.0 MB", "24.0 KB"]);
    }

    #[test]
    fn the_total_is_found() {
        let text = "MemFree:  10 kB\nMemTotal:       24576 kB\nBuffers: 1 kB\n";
        assert_eq!(total(text), Some(24 << 20));
        assert_eq!(total("nothing"), None);
    }
}
