//! Kills writers in the middle of saves, lets sixteen write at once, and fills the disk. The `.flynnrc` and the
//! `.gitconfig` must be complete every time.
//!
//! `torture [--kills N] [--writers N] [--edits N]`; the defaults are 1000, 16 and 100. The writers are processes of
//! this program.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use flynn_config::{Error, FlynnRc, GitConfig};

/// An error here is a finding or a broken machine. Both end the run.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["write-forever", kind, path] => write_forever(Kind::named(kind), Path::new(path)),
        ["count", kind, path, edits] => count(Kind::named(kind), Path::new(path), edits),
        ["write-once", kind, path] => write_once(Kind::named(kind), Path::new(path)),
        options => Plan::from(options).and_then(|plan| plan.run()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("torture: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The two files.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    FlynnRc,
    GitConfig,
}

impl Kind {
    const BOTH: [Kind; 2] = [Kind::FlynnRc, Kind::GitConfig];

    fn name(self) -> &'static str {
        match self {
            Kind::FlynnRc => "flynnrc",
            Kind::GitConfig => "gitconfig",
        }
    }

    fn named(name: &str) -> Self {
        if name == "flynnrc" { Kind::FlynnRc } else { Kind::GitConfig }
    }

    /// A file of a few hundred lines with the number in the middle.
    fn text(self, number: u64) -> String {
        let many = |line: &dyn Fn(u32) -> String| (0..40).map(line).collect::<String>();
        match self {
            Kind::FlynnRc => {
                let cluster = |name: &str, pin: u64| {
                    format!(
                        "# of {name}\n[[cluster]]\n  Name = \"{name}\"\n  Key = \"k\"\n  TLSPin = \
                         \"{pin}\"\n  ControllerURL = \"https://controller.{name}.test\"\n\n"
                    )
                };
                let others = many(&|n| cluster(&format!("other{n}"), 0));
                let more = others.replace("other", "later");
                format!("default = \"it\"\n\n{others}{}{more}", cluster("it", number))
            }
            Kind::GitConfig => {
                let others = many(&|n| format!("# {n}\n[alias \"a{n}\"]\n\tcommand = log -{n}\n"));
                format!("{others}[it]\n\tnumber = {number}\n{others}")
            }
        }
    }

    /// Reads the number, adds one, and writes it back, in one edit.
    fn increment(self, path: &Path, before: impl FnOnce(u64)) -> std::result::Result<(), Error> {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0_u64);
        match self {
            Kind::FlynnRc => FlynnRc::edit(path, |rc| {
                let next =
                    number(rc.current().cluster("it").map(flynn_config::Cluster::tls_pin)) + 1;
                rc.cluster_mut("it")?.set_tls_pin(&next.to_string())?;
                before(next);
                Ok(())
            }),
            Kind::GitConfig => GitConfig::edit(path, |git| {
                let next =
                    number(git.current().get("it.number").as_ref().and_then(|v| v.as_str())) + 1;
                git.set("it.number", &next.to_string())?;
                before(next);
                Ok(())
            }),
        }
    }

    /// The number in a file that is whole; `None` for a torn one.
    fn number(self, path: &Path) -> Result<Option<u64>> {
        let text = fs::read_to_string(path)?;
        let marks = match self {
            Kind::FlynnRc => ["Name = \"it\"\n  Key = \"k\"\n  TLSPin = \"", "\""],
            Kind::GitConfig => ["[it]\n\tnumber = ", "\n"],
        };
        let after = text.split_once(marks[0]).map(|(_, after)| after);
        let digits = after.and_then(|after| after.split_once(marks[1])).map(|(digits, _)| digits);
        let number = digits.and_then(|digits| digits.parse().ok());
        Ok(number.filter(|&number| text == self.text(number)))
    }
}

/// The amount of work.
struct Plan {
    kills: u32,
    writers: u32,
    edits: u32,
}

impl Plan {
    fn from(options: &[&str]) -> Result<Self> {
        let mut plan = Self { kills: 1000, writers: 16, edits: 100 };
        for pair in options.chunks(2) {
            let (slot, value) = match *pair {
                ["--kills", value] => (&mut plan.kills, value),
                ["--writers", value] => (&mut plan.writers, value),
                ["--edits", value] => (&mut plan.edits, value),
                _ => return Err("usage: torture [--kills N] [--writers N] [--edits N]".into()),
            };
            *slot = value.parse()?;
        }
        Ok(plan)
    }

    fn run(&self) -> Result<()> {
        let mut faults = Vec::new();
        for kind in Kind::BOTH {
            faults.extend(self.kill(kind)?);
        }
        for kind in Kind::BOTH {
            faults.extend(self.race(kind)?);
        }
        for kind in Kind::BOTH {
            faults.extend(fill_the_disk(kind)?);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
    }

    /// Kills a writer at a random moment of its saves, again and again, on one file.
    fn kill(&self, kind: Kind) -> Result<Option<String>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join(kind.name());
        fs::write(&path, kind.text(0))?;
        let started = Instant::now();
        let save = time_of_a_save(kind, &path)?;
        let (mut torn, mut unfinished) = (0, 0);
        for _ in 0..self.kills {
            let mut writer = this_program(&["write-forever", kind.name()], &path)
                .stdout(Stdio::piped())
                .spawn()?;
            let mut said = BufReader::new(writer.stdout.take().ok_or("no pipe")?);
            let mut first = String::new();
            said.read_line(&mut first)?;
            // This kills it during one of the first saves.
            spin(save.mul_f64(3.0 * fastrand::f64()));
            writer.kill()?;
            writer.wait()?;
            let mut rest = String::new();
            said.read_to_string(&mut rest)?;
            let begun = last_number(&rest).or(last_number(&first)).ok_or("a silent writer")?;
            match kind.number(&path)? {
                Some(number) if number == begun => {}
                Some(number) if number + 1 == begun => unfinished += 1,
                _ => torn += 1,
            }
            remove_stale_lock(kind, &path);
            if torn > 0 {
                fs::write(&path, kind.text(0))?;
            }
        }
        // The next writer of a .flynnrc removes the temporary files of killed writers.
        kind.increment(&path, |_| {})?;
        let left = fs::read_dir(dir.path())?.count();
        let (name, kills) = (kind.name(), self.kills);
        println!(
            "{name} kills: {kills} torn: {torn} (old file {unfinished} times, {left} files left, \
             {:.1} s)",
            started.elapsed().as_secs_f64()
        );
        Ok((torn > 0).then(|| format!("{name}: {torn} torn")))
    }

    /// Many processes add to one number; git edits the same file meanwhile.
    fn race(&self, kind: Kind) -> Result<Option<String>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join(kind.name());
        fs::write(&path, kind.text(0))?;
        let started = Instant::now();
        let edits = self.edits.to_string();
        let mut writers = Vec::new();
        for _ in 0..self.writers {
            let mut writer = this_program(&["count", kind.name()], &path);
            writers.push(writer.arg(&edits).spawn()?);
        }
        let by_git = if kind == Kind::GitConfig { git_alongside(&path, &mut writers)? } else { 0 };
        let failed = writers.iter_mut().filter_map(|writer| writer.wait().ok());
        let failed = failed.filter(|status| !status.success()).count();
        if by_git > 0 {
            let config = GitConfig::load(&path)?;
            let kept = config.get_all("git.edit").len();
            if kept != by_git {
                return Ok(Some(format!("{by_git} edits of git, {kept} kept")));
            }
            GitConfig::edit(&path, |git| git.remove_section("git"))?;
        }
        let all = u64::from(self.writers) * u64::from(self.edits);
        let survived = kind.number(&path)?.ok_or("the file is torn")?;
        let name = kind.name();
        let beside = if by_git > 0 { format!(", {by_git} of git beside") } else { String::new() };
        println!(
            "{name} writers: {survived} of {all} ({failed} failed{beside}, {:.1} s)",
            started.elapsed().as_secs_f64()
        );
        Ok((survived != all).then(|| format!("{name}: {survived} of {all} edits survived")))
    }
}

/// Lets git add values to the file until the writers have finished. git fails at once if the lock is held, and is
/// repeated. Returns the number of its edits.
fn git_alongside(path: &Path, writers: &mut [Child]) -> Result<usize> {
    let mut edits = 0;
    while writers.iter_mut().any(|writer| matches!(writer.try_wait(), Ok(None))) {
        let git = Command::new("git")
            .args(["config", "--file"])
            .arg(path)
            .args(["--add", "git.edit", &edits.to_string()])
            .stderr(Stdio::null())
            .status()?;
        edits += usize::from(git.success());
    }
    Ok(edits)
}

/// Writes a file beyond the limit on file sizes: once the limit is an error of the system, as a full disk is, and once
/// it is a signal that kills the writer.
fn fill_the_disk(kind: Kind) -> Result<Option<String>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join(kind.name());
    let text = kind.text(9);
    fs::write(&path, &text)?;
    for (how, script) in [
        ("full disk", "trap '' XFSZ; ulimit -f 2; exec \"$@\""),
        ("killed at the limit", "ulimit -c 0; ulimit -f 2; exec \"$@\""),
    ] {
        let output = Command::new("bash")
            .args(["-c", script, "bash"])
            .arg(std::env::current_exe()?)
            .args(["write-once", kind.name()])
            .arg(&path)
            .output()?;
        let name = kind.name();
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().replace(&*dir.path().to_string_lossy(), "");
        let kept = fs::read_to_string(&path)? == text;
        if output.status.success() || !kept {
            return Ok(Some(format!("{name}, {how}: the old file is lost, or the write worked")));
        }
        let said = if said.is_empty() { output.status.to_string() } else { said };
        println!("{name} {how}: the old file survives ({said})");
        remove_stale_lock(kind, &path);
    }
    Ok(None)
}

/// Runs the writer that is killed. It prints the number of each save before the save begins.
fn write_forever(kind: Kind, path: &Path) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    loop {
        kind.increment(path, |number| {
            let _ = writeln!(stdout, "{number}").and_then(|()| stdout.flush());
        })?;
    }
}

fn count(kind: Kind, path: &Path, edits: &str) -> Result<()> {
    (0..edits.parse::<u32>()?).try_for_each(|_| kind.increment(path, |_| {}).map_err(Into::into))
}

fn write_once(kind: Kind, path: &Path) -> Result<()> {
    Ok(kind.increment(path, |_| {})?)
}

fn this_program(words: &[&str], path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap_or_default());
    command.args(words).arg(path);
    command
}

/// Returns the number in the last complete line.
fn last_number(said: &str) -> Option<u64> {
    let (whole, _) = said.rsplit_once('\n')?;
    whole.rsplit('\n').next()?.parse().ok()
}

/// Removes the lock file of a killed process, which git leaves behind. The lock file of a .flynnrc always stays, and
/// the system has released its lock.
fn remove_stale_lock(kind: Kind, path: &Path) {
    if kind == Kind::GitConfig {
        let _ = fs::remove_file(path.with_extension("lock"));
    }
}

fn time_of_a_save(kind: Kind, path: &Path) -> Result<Duration> {
    let started = Instant::now();
    for _ in 0..10 {
        kind.increment(path, |_| {})?;
    }
    Ok(started.elapsed() / 10)
}

/// Waits without yielding the processor, to be on time.
fn spin(pause: Duration) {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        std::hint::spin_loop();
    }
}
