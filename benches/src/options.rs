//! The command line.

use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: cargo run --release -p cogloop-benches -- BENCHMARK [OPTIONS]

  wheel             compares the wheel with other timer stores, all in one run, interleaved
  scaling           what a timer costs with a thousand to ten million live timers, and the memory that a store keeps for
                    cancelled timers; takes --quick, --json, --only, --sizes, --reps and --seed
  resolution        the cost and the gain of a short tick of the loop; takes --quick and --seed
  readiness         the loop over descriptors beside bare system calls and other loops; takes --quick, --json, --only,
                    --reps, --seed and --setups
  precision         the lateness of a schedule, beside a bare clock_nanosleep; takes --quick, --json, --only and --reps
  latency           the lateness, the cost and the wake-ups of timers: our loop on each backend, other loops, and bare
                    system calls, idle and under load; takes --quick, --json, --only, --reps, --seed and --calm
  lua               loops for Lua beside each other and beside a bare loop over epoll; takes --interpreter, --quick, --json,
                    --only, --reps and --seed. `cargo xtask bench lua` builds and installs what it needs
  rust              the crate cogloop beside other loops for Rust: timers, posts, ping-pong; takes --quick, --json,
                    --only, --reps and --seed
  report DIR        draws DIR/index.html from the results in DIR/NAME.json; takes --pictures
  mockit            timers with callbacks in C and Lua, beside a thread for each and the timers of POSIX; run it by
                    `cargo xtask bench mockit`; takes --quick, --json, --sizes and --reps
  c                 timers, descriptors and loops through cogloop.h, beside libev and libuv; run it by
                    `cargo xtask bench c`; takes --quick, --json, --sizes and --reps
  traced            what a trace adds to a callback in Rust, in C and in Lua; start it as `cargo xtask bench traced`; takes
                    --quick and --reps

  --quick           fewer sizes, operations and repetitions: about a minute or two
  --smoke           the shortest run, which shows only that the benchmark works
  --json FILE       also write the results to FILE
  --pictures DIR    also write each picture to a file in DIR; if DIR has pictures already, write only these
  --instructions    count instructions by valgrind instead of time, at 1k timers
  --setups          in `readiness`: bare loops over io_uring with different setups of their rings
  --calm            in `latency`: no busy neighbours, so that it can run under `chrt --fifo 1` on a machine with other load
  --floor           without a store: only the time to write, find and link nodes as large as the wheel's timers; takes
                    --sizes, --reps and --seed
  --only NAME,…     only these stores or contenders, and the base of the ratios
  --sizes N,…       numbers of live timers, such as 1k,100k,1M
  --reps N          repetitions of each workload
  --seed S          the seed of the random numbers
  --interpreter PROGRAM=FOLDER    a Lua, and the folder of the modules built for it; may be given several times
  --help            this text
";

#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub(crate) enum Benchmark {
    #[default]
    Wheel,
    Resolution,
    Readiness,
    Precision,
    Latency,
    Lua,
    Rust,
    Scaling,
    Report,
    Mockit,
    C,
    Traced,
}

/// The names of the benchmarks.
const BENCHMARKS: &[(&str, Benchmark)] = &[
    ("wheel", Benchmark::Wheel),
    ("resolution", Benchmark::Resolution),
    ("readiness", Benchmark::Readiness),
    ("precision", Benchmark::Precision),
    ("latency", Benchmark::Latency),
    ("lua", Benchmark::Lua),
    ("rust", Benchmark::Rust),
    ("scaling", Benchmark::Scaling),
    ("report", Benchmark::Report),
    ("mockit", Benchmark::Mockit),
    ("c", Benchmark::C),
    ("traced", Benchmark::Traced),
];

/// A Lua interpreter, and the folder of the modules that are built for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Interpreter {
    pub(crate) program: String,
    pub(crate) modules: PathBuf,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) help: bool,
    pub(crate) benchmark: Benchmark,
    pub(crate) quick: bool,
    /// Runs less than `quick`. `smoke` sets `quick`, too.
    pub(crate) smoke: bool,
    pub(crate) instructions: bool,
    pub(crate) floor: bool,
    pub(crate) setups: bool,
    /// Leaves out the condition of `latency` in which other threads compete for the CPUs.
    pub(crate) calm: bool,
    pub(crate) json: Option<PathBuf>,
    /// The folder of the results that `report` draws.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) pictures: Option<PathBuf>,
    /// The folder in which libcogloop is installed. `cargo xtask` passes it.
    pub(crate) prefix: Option<PathBuf>,
    pub(crate) only: Vec<String>,
    pub(crate) sizes: Vec<usize>,
    pub(crate) reps: Option<usize>,
    pub(crate) seed: u64,
    /// The interpreters of `bench lua`.
    pub(crate) interpreters: Vec<Interpreter>,
    /// What to do in a run that this program has started of itself. Under valgrind (`wheel`): the probe, the store and
    /// the number of operations. Under strace (`readiness`): the number of pairs, the contender and the number of
    /// turns.
    pub(crate) probe: Option<(String, String, usize)>,
}

impl Options {
    /// Parses the arguments after the program's name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { seed: 1, ..Self::default() };
        let mut arguments = arguments.into_iter();
        let first = arguments.next().unwrap_or_default();
        match BENCHMARKS.iter().find(|(name, _)| *name == first) {
            Some(&(_, benchmark)) => options.benchmark = benchmark,
            None if first == "--help" || first == "-h" => options.help = true,
            None => {
                let names = BENCHMARKS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                return Err(format!("there is no benchmark `{first}`; there are {names}"));
            }
        }
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{option} asks for a value"));
            match option.as_str() {
                "--help" | "-h" => options.help = true,
                "--quick" => options.quick = true,
                "--smoke" => (options.quick, options.smoke) = (true, true),
                "--instructions" => options.instructions = true,
                "--floor" => options.floor = true,
                "--setups" => options.setups = true,
                "--calm" => options.calm = true,
                "--json" => options.json = Some(value()?.into()),
                "--pictures" => options.pictures = Some(value()?.into()),
                "--prefix" => options.prefix = Some(value()?.into()),
                "--only" => options.only = value()?.split(',').map(String::from).collect(),
                "--sizes" => options.sizes = value()?.split(',').map(size).collect::<Result<_, _>>()?,
                "--reps" => options.reps = Some(number(&value()?)?.max(1)),
                "--seed" => options.seed = number(&value()?)? as u64,
                "--interpreter" => options.interpreters.push(interpreter(&value()?)?),
                "--probe" => options.probe = Some((value()?, value()?, number(&value()?)?)),
                folder if options.benchmark == Benchmark::Report && !folder.starts_with('-') => {
                    options.folder = Some(folder.into());
                }
                _ => return Err(format!("unknown option {option}; --help lists them")),
            }
        }
        Ok(options)
    }
}

fn interpreter(text: &str) -> Result<Interpreter, String> {
    let (program, modules) = text.split_once('=').ok_or_else(|| format!("`{text}` is not PROGRAM=FOLDER"))?;
    Ok(Interpreter { program: program.to_owned(), modules: modules.into() })
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

/// The largest number of live timers that `--sizes` accepts. The inputs of the workloads number the timers by `u32`,
/// so the limit must be below 2³².
const SIZE_MAX: usize = 100_000_000;

fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let size = number(digits)?.saturating_mul(unit);
    if (1..=SIZE_MAX).contains(&size) { Ok(size) } else { Err(format!("`{text}` is not a size from 1 to 100M")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse("wheel --sizes 10,1k,100k,1M").unwrap().sizes, [10, 1_000, 100_000, 1_000_000]);
        assert!(parse("wheel --sizes 0").is_err());
        assert!(parse("wheel --sizes 1G").is_err());
        assert!(parse("wheel --sizes").unwrap_err().contains("asks for a value"));
    }

    #[test]
    fn options_are_read() {
        let options = parse("wheel --quick --json a/b.json --only btreemap,libuv --reps 3 --seed 9").unwrap();
        assert!(options.quick && !options.help && !options.instructions);
        assert_eq!(options.json.unwrap().to_str(), Some("a/b.json"));
        assert_eq!((options.only.len(), options.reps, options.seed), (2, Some(3), 9));
        assert_eq!(parse("readiness --only calloop").unwrap().benchmark, Benchmark::Readiness);
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        assert!(parse("").unwrap_err().contains("wheel"));
        assert!(parse("loop").unwrap_err().contains("loop"));
        assert!(parse("wheel --fast").unwrap_err().contains("--fast"));
        assert!(parse("--help").unwrap().help);
        assert_eq!(parse("resolution --quick").unwrap().benchmark, Benchmark::Resolution);
        assert_eq!(parse("report a/b --pictures c").unwrap().folder.unwrap().to_str(), Some("a/b"));
    }
}
