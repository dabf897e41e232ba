#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::round_trip;

fuzz_target!(|input: &[u8]| round_trip::check(input));
