//! A failure with as little around it as possible.

use surewire_engine::planted::Planted;

use super::plan::{Cuts, Plan};
use super::run;
use super::variety::Part;

/// Leaves out one fault after the other, then what clients did last, as long as it still fails.
#[must_use]
pub fn shrink(seed: u64, planted: Planted) -> Cuts {
    let fails = |cuts: &Cuts| !run(seed, cuts, 0).violations.is_empty();
    let all = Plan::draw(seed, &Cuts::default());
    let faults = Some((0..all.faults.len()).collect());
    let mut cuts = Cuts { faults, acts: Some(all.acts), without: Vec::new(), planted };
    for part in Part::ALL {
        let mut fewer = cuts.clone();
        fewer.without.push(*part);
        if fails(&fewer) {
            cuts = fewer;
        }
    }
    for fault in 0..all.faults.len() {
        let mut fewer = cuts.clone();
        if let Some(faults) = &mut fewer.faults {
            faults.retain(|kept| *kept != fault);
        }
        if fails(&fewer) {
            cuts = fewer;
        }
    }
    let (mut low, mut high) = (0, all.acts);
    while low < high {
        let middle = low.midpoint(high);
        if fails(&Cuts { acts: Some(middle), ..cuts.clone() }) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    cuts.acts = Some(high);
    cuts
}
