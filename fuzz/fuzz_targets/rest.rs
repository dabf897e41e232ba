#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::rest;

fuzz_target!(|input: &[u8]| rest::check(input));
