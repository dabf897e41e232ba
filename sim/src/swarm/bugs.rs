//! Bugs that were, and bugs that are planted.

use surewire_engine::planted::{Bug, Planted};

/// Seeds that found something once, by what it was. A seed stands for another world when `plan`
/// draws differently: these are worth a look as long as nothing better is known.
pub const REGRESSIONS: &[(u64, &str)] = &[];

/// The bug of that name, to be planted.
///
/// # Errors
/// There is none of that name, or this program was built without any.
pub fn planted(name: &str) -> Result<Planted, String> {
    let bug = Bug::ALL.iter().copied().find(|bug| bug.name() == name);
    let names = || Bug::ALL.iter().map(|bug| bug.name()).collect::<Vec<_>>().join(", ");
    let bug = bug.ok_or_else(|| format!("no bug is called {name}; there are: {}", names()))?;
    plant(bug)
}

#[cfg(feature = "planted")]
#[expect(clippy::unnecessary_wraps, reason = "other builds cannot")]
fn plant(bug: Bug) -> Result<Planted, String> {
    Ok(Planted::new(bug))
}

#[cfg(not(feature = "planted"))]
fn plant(bug: Bug) -> Result<Planted, String> {
    let name = bug.name();
    Err(format!("{name} cannot be planted in this program: build it with `--features planted`"))
}
