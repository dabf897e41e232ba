//! Figures for people: tables, plots as SVG, and pages of HTML that need nothing from elsewhere.

pub mod facts;
pub mod html;
pub mod number;
pub mod plot;
pub mod table;
