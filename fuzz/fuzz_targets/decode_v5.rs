#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::decode;

fuzz_target!(|input: &[u8]| decode::check_v5(input));
