#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::log;

fuzz_target!(|input: &[u8]| log::check(input));
