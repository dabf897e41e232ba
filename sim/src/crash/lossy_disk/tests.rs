use std::path::{Path, PathBuf};

use surewire_server::environment::{Environment, RealEnvironment};

use super::*;

/// Seeds enough for every outcome to come.
const SEEDS: u64 = 48;

/// A directory of its own, gone with this.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, seed: u64) -> Self {
        let name = format!("surewire-lossy-{name}-{seed}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// The disk as a process finds it that starts now.
    fn start(&self, seed: u64) -> LossyDisk {
        LossyDisk::new(real(&self.0), Plan(seed))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn real(directory: &Path) -> Box<dyn Disk> {
    RealEnvironment::new().open_disk(directory).unwrap()
}

fn perform(disk: &mut LossyDisk, op: Op) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(disk.perform(op)).unwrap()
}

fn allocate(disk: &mut LossyDisk, name: &str) {
    perform(disk, Op::Allocate { file: name.to_owned(), len: 4 });
}

fn write(disk: &mut LossyDisk, name: &str, bytes: &[u8]) {
    perform(disk, Op::Write { file: name.to_owned(), offset: 0, bytes: bytes.to_vec() });
}

fn sync(disk: &mut LossyDisk, name: &str) {
    perform(disk, Op::Sync { file: name.to_owned() });
}

fn read(disk: &mut LossyDisk, name: &str) -> Vec<u8> {
    match perform(disk, Op::Read { file: name.to_owned(), offset: 0, len: 4 }) {
        Reply::Bytes(bytes) => bytes,
        other @ (Reply::Done | Reply::Names(_)) => panic!("{other:?}"),
    }
}

fn names(disk: &mut LossyDisk) -> Vec<String> {
    match perform(disk, Op::List) {
        Reply::Names(names) => names,
        other @ (Reply::Done | Reply::Bytes(_)) => panic!("{other:?}"),
    }
}

/// A directory with a durable file `a` of four synced bytes.
fn with_a_file(name: &str, seed: u64) -> (Place, LossyDisk) {
    let place = Place::new(name, seed);
    let mut disk = place.start(seed);
    allocate(&mut disk, "a");
    write(&mut disk, "a", b"1234");
    sync(&mut disk, "a");
    perform(&mut disk, Op::SyncDirectory);
    (place, disk)
}

/// What the next process finds, for one seed after the other.
fn outcomes<T: Ord>(one: impl Fn(u64) -> T) -> Vec<T> {
    let mut all: Vec<T> = (0..SEEDS).map(one).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn what_was_synced_stays() {
    let found = outcomes(|seed| {
        let (place, disk) = with_a_file("synced", seed);
        drop(disk);
        read(&mut place.start(seed), "a")
    });
    assert_eq!(found, [b"1234"]);
}

#[test]
fn an_unsynced_write_is_there_until_the_kill_and_then_any_part_of_it() {
    let found = outcomes(|seed| {
        let (place, mut disk) = with_a_file("unsynced", seed);
        write(&mut disk, "a", b"5678");
        assert_eq!(read(&mut disk, "a"), b"5678");
        drop(disk);
        read(&mut place.start(seed), "a")
    });
    assert!(found.contains(&b"1234".to_vec()) && found.contains(&b"5678".to_vec()), "{found:?}");
    let torn = |bytes: &Vec<u8>| {
        let mut pairs = bytes.iter().zip(b"1234".iter().zip(b"5678"));
        pairs.all(|(byte, (old, new))| byte == old || byte == new)
    };
    assert!(found.len() > 2 && found.iter().all(torn), "{found:?}");
}

#[test]
fn a_name_that_was_not_synced_may_be_gone() {
    let found = outcomes(|seed| {
        let (place, mut disk) = with_a_file("new", seed);
        allocate(&mut disk, "b");
        sync(&mut disk, "b");
        assert_eq!(names(&mut disk), ["a", "b"]);
        drop(disk);
        names(&mut place.start(seed))
    });
    assert_eq!(found, [vec!["a"], vec!["a", "b"]]);
}

#[test]
fn a_removal_that_was_not_synced_may_be_undone() {
    let found = outcomes(|seed| {
        let (place, mut disk) = with_a_file("removed", seed);
        perform(&mut disk, Op::Remove { file: "a".to_owned() });
        assert_eq!(names(&mut disk), [""; 0]);
        drop(disk);
        names(&mut place.start(seed))
    });
    assert_eq!(found, [vec![], vec!["a"]]);
}

#[test]
fn a_synced_directory_keeps_the_last_names() {
    let found = outcomes(|seed| {
        let (place, mut disk) = with_a_file("renamed", seed);
        let rename = |from: &str, to: &str| Op::Rename { from: from.to_owned(), to: to.to_owned() };
        perform(&mut disk, rename("a", "b"));
        allocate(&mut disk, "a");
        perform(&mut disk, rename("a", "c"));
        perform(&mut disk, Op::SyncDirectory);
        drop(disk);
        let mut disk = place.start(seed);
        (names(&mut disk), read(&mut disk, "b"), read(&mut disk, "c"))
    });
    let names = vec!["b".to_owned(), "c".to_owned()];
    assert_eq!(found, [(names, b"1234".to_vec(), vec![0; 4])]);
}
