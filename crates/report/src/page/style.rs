//! The page's stylesheet: the file beside this one, with the inks for light and dark paper.

use crate::draw::ink;

/// The whole stylesheet. Print is always on light paper.
pub fn sheet() -> String {
    format!(
        ":root{{{}}}@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}{}",
        ink::variables(false),
        ink::variables(true),
        include_str!("style.css")
    )
}
