#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::session;

fuzz_target!(|input: &[u8]| session::check(input));
