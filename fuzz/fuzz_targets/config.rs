#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::config;

fuzz_target!(|input: &[u8]| config::check(input));
