//! Vector drawing: a [`axis::Axis`] turns values into positions, a [`panel::Panel`] holds two axes and
//! a place, [`mark`] turns numbers into SVG shapes, and [`ink`] says in which colour.
//!
//! Shapes carry colours as CSS variables, so that a figure inside a page follows light and dark.

pub mod axis;
pub mod contour;
pub mod density;
pub mod ink;
pub mod mark;
pub mod number;
pub mod panel;
