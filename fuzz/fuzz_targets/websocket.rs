#![no_main]

use libfuzzer_sys::fuzz_target;
use surewire_fuzz_checks::websocket;

fuzz_target!(|input: &[u8]| websocket::check(input));
