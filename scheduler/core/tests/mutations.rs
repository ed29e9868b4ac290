//! A file that went wrong in any way is read to its end: no panic, no hang, and each place lies in the file.

use std::time::{Duration, Instant};

use nightrun_core::dag::{DefaultsFile, Known, Source, read, read_defaults};
use nightrun_core::diag::{Diagnostic, Style};
use nightrun_core::time::Timestamp;
use nightrun_core::timetable::Zone;

/// A small generator, so that a failure can be had again from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

fn mutated(text: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..=dice.below(4) {
        let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
        match dice.below(7) {
            0 => lines.truncate(at + 1),
            1 => lines.insert(other, lines[at].clone()),
            2 => lines.swap(at, other),
            3 => drop(lines.remove(at)),
            4 => {
                let line = &mut lines[at];
                let place = dice.below(line.len());
                line[place] = u8::try_from(dice.below(256)).unwrap();
            }
            5 => {
                let line = &mut lines[at];
                let pieces: [&[u8]; 9] =
                    [b"{{", b"*a ", b"&a ", b"<<: *a\n", b"\t", b"\xC3\xA9", b": ", b"[{", b"\"\\x"];
                let place = dice.below(line.len());
                line.splice(place..place, pieces[dice.below(pieces.len())].iter().copied());
            }
            _ => {
                let line = &mut lines[at];
                line.truncate(dice.below(line.len()));
            }
        }
        if lines.iter().all(Vec::is_empty) {
            break;
        }
        lines.retain(|line| !line.is_empty());
    }
    lines.concat()
}

#[test]
fn no_mutation_of_folder_defaults_panics() {
    let seed = "owner: me\nvars: [a]\nenv: {A: '{{ vars.a }}'}\nschedule: '@daily'\nshell: sh -e\n\
                defaults:\n  retries: 2\n  env: {B: '{{ params.b }}'}\n  when: '{{ x }}'\n  pool: p\n";
    let dag = "vars: {b: 1}\nschedule: {cron: '@daily', timezone: UTC}\ntasks: [{id: a, run: echo}]\n";
    let known = Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap());
    for seed_number in 1..=2_000 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed_number));
        let bytes = mutated(seed.as_bytes(), &mut dice);
        let found = read_defaults(&Source::new("_defaults.yaml", &bytes), &known);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let folder = [DefaultsFile { path: "_defaults.yaml".into(), text }];
        let reading = read(&Source::new("a.yaml", dag).with(&folder), &known);
        let errors = |all: &[Diagnostic]| all.iter().any(Diagnostic::is_error);
        assert_eq!(reading.dags.is_empty(), errors(&reading.diagnostics), "seed {seed_number}");
        assert!(reading.dags.is_empty() || !errors(&found), "seed {seed_number}: {found:?}");
        assert!(reading.diagnostics.iter().all(|fault| fault.place.bytes.end <= dag.len()));
    }
}

#[test]
fn no_mutation_of_a_file_panics_or_hangs() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let broken = std::fs::read_dir(format!("{root}/tests/broken")).unwrap();
    let mut seeds: Vec<Vec<u8>> = broken.map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    seeds.push(include_bytes!("nightly_sales.yaml").to_vec());
    let known = Known::new(Zone::utc(), Timestamp::parse("2026-11-21T00:00:00Z").unwrap());
    let mut slowest = Duration::ZERO;
    for seed in 1..=4_000 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let text = mutated(&seeds[dice.below(seeds.len())], &mut dice);
        let start = Instant::now();
        let reading = read(&Source::new("dags/a.yaml", &text), &known);
        slowest = slowest.max(start.elapsed());
        let errors = reading.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(reading.dags.is_empty(), errors, "seed {seed}");
        let shown = String::from_utf8_lossy(&text);
        for diagnostic in reading.diagnostics {
            assert!(diagnostic.place.bytes.end <= text.len(), "seed {seed}");
            diagnostic.render(&shown, Style::Colored);
        }
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
