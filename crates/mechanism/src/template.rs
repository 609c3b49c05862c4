//! A study to start from: what `gnomon new DIR` writes.

/// A file of the template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its name inside the new folder.
    pub name: &'static str,
    /// All of its text.
    pub text: &'static str,
}

/// The files of a study about a cooling cup: two mechanisms, ten measurements.
#[must_use]
pub fn files() -> [TemplateFile; 4] {
    [
        TemplateFile {
            name: "study.toml",
            text: include_str!("template/study.toml"),
        },
        TemplateFile {
            name: "newton.toml",
            text: include_str!("template/newton.toml"),
        },
        TemplateFile {
            name: "power.toml",
            text: include_str!("template/power.toml"),
        },
        TemplateFile {
            name: "measured.csv",
            text: include_str!("template/measured.csv"),
        },
    ]
}
