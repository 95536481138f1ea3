//! The cost of an edit with `flynn-config`: the CPU time of the whole edit (lock, read, change, flush,
//! rename) divided by that of another library's parse alone, and its time divided by that of one
//! `git config --unset` process.

mod ratio;

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use flynn_config::{BlockChange, FlynnRc, GitConfig};

use ratio::{Rounds, cpu_time};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const ROUNDS: usize = 201;
const URL: &str = "https://git.c25.test";

fn main() -> Result {
    let dir = tempfile::tempdir()?;
    let rc = dir.path().join(".flynnrc");
    let git = dir.path().join(".gitconfig");
    let other = dir.path().join("other");
    let (rc_text, git_text) = (flynnrc(), gitconfig());
    fs::write(&rc, &rc_text)?;

    let mut pin = 0;
    compare(
        "load, change one pin and save a 50-cluster flynnrc / toml_edit's parse",
        cpu_time,
        || {
            pin += 1;
            FlynnRc::edit(&rc, |rc| rc.cluster_mut("c25")?.set_tls_pin(&format!("{pin:044}")))?;
            Ok(())
        },
        || {
            black_box(toml_edit::Document::parse(black_box(&*rc_text))?);
            Ok(())
        },
    )?;
    compare(
        "the same / toml_edit's parse and a bare durable save",
        cpu_time,
        || {
            pin += 1;
            FlynnRc::edit(&rc, |rc| rc.cluster_mut("c25")?.set_tls_pin(&format!("{pin:044}")))?;
            Ok(())
        },
        || {
            black_box(toml_edit::Document::parse(black_box(&*rc_text))?);
            save(&other, rc_text.as_bytes())
        },
    )?;
    compare(
        "read a 50-cluster flynnrc / toml_edit's parse",
        cpu_time,
        || {
            black_box(FlynnRc::parse(black_box(&rc_text))?);
            Ok(())
        },
        || {
            black_box(toml_edit::Document::parse(black_box(&*rc_text))?);
            Ok(())
        },
    )?;
    let parse_by_gix = || {
        let meta = gix_config::file::Metadata::from(gix_config::Source::User);
        let options = gix_config::file::init::Options::default();
        black_box(gix_config::File::from_bytes_no_includes(
            black_box(git_text.as_bytes()),
            meta,
            options,
        )?);
        Ok(())
    };
    let drop_ca = || {
        fs::write(&git, &git_text)?;
        let before = cpu_time();
        edit(&git)?;
        Ok(cpu_time().saturating_sub(before))
    };
    compare_timed("drop sslCAInfo in a 2000-line gitconfig / gix-config's parse", drop_ca, || {
        timed(cpu_time, parse_by_gix)
    })?;
    compare(
        "read a 2000-line gitconfig / gix-config's parse",
        cpu_time,
        || {
            black_box(GitConfig::parse(black_box(&git_text))?);
            Ok(())
        },
        parse_by_gix,
    )?;
    let started = Instant::now();
    let wall = move || started.elapsed();
    compare_timed(
        "drop sslCAInfo in a 2000-line gitconfig / one git config --unset, wall time",
        || {
            fs::write(&git, &git_text)?;
            timed(wall, || edit(&git))
        },
        || {
            fs::write(&git, &git_text)?;
            timed(wall, || unset_by_git(&git))
        },
    )
}

/// The minimal save that survives a crash and a loss of power.
fn save(path: &Path, bytes: &[u8]) -> Result {
    let dir = path.parent().ok_or("no folder")?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(fs::File::open(dir)?.sync_all()?)
}

fn edit(path: &Path) -> Result {
    Ok(GitConfig::edit(path, |git| {
        let plan = git.plan(URL, BlockChange::DropCa)?;
        git.apply(&plan)
    })?)
}

fn unset_by_git(path: &Path) -> Result {
    let key = format!("http.{URL}.sslCAInfo");
    let status = Command::new("git")
        .args(["config", "--file"])
        .arg(path)
        .args(["--unset", &key])
        .status()?;
    if status.success() { Ok(()) } else { Err("git config --unset failed".into()) }
}

fn flynnrc() -> String {
    let cluster = |n: usize| {
        format!(
            "[[cluster]]\n  Name = \"c{n}\"\n  Key = \"e09dc5301d72be755a3d666f617c4600\"\n  TLSPin \
             = \"mc47PfOhOMCKTsOxiHqvQ5vIuytHSETeWB/eVzGcL/o=\"\n  ControllerURL = \
             \"https://controller.c{n}.test\"\n  GitURL = \"https://git.c{n}.test\"\n  ImageURL = \
             \"https://images.c{n}.test\"\n\n"
        )
    };
    format!("default = \"c0\"\n\n{}", (0..50).map(cluster).collect::<String>())
}

fn gitconfig() -> String {
    let block = |n: usize| {
        format!(
            "[http \"https://git.c{n}.test\"]\n\tsslCAInfo = /home/ann/.flynn/ca-certs/c{n}.pem\n\
             [credential \"https://git.c{n}.test\"]\n\thelper = /usr/local/bin/flynn \
             git-credentials\n# alias {n}\n[alias]\n\ta{n} = \"!f() {{ git log -{n}; }}; f\"\n\
             [remote \"r{n}\"]\n\turl = git@git.test:{n}.git\n\tfetch = \
             +refs/heads/*:refs/remotes/r{n}/*\n"
        )
    };
    (0..200).map(block).collect()
}

fn compare(
    workload: &str,
    clock: impl Fn() -> Duration,
    mut ours: impl FnMut() -> Result,
    mut theirs: impl FnMut() -> Result,
) -> Result {
    compare_timed(workload, || timed(&clock, &mut ours), || timed(&clock, &mut theirs))
}

fn timed(clock: impl Fn() -> Duration, work: impl FnOnce() -> Result) -> Result<Duration> {
    let before = clock();
    work()?;
    Ok(clock().saturating_sub(before))
}

fn compare_timed(
    workload: &str,
    mut ours: impl FnMut() -> Result<Duration>,
    mut theirs: impl FnMut() -> Result<Duration>,
) -> Result {
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        rounds.add(ours()?, theirs()?);
    }
    rounds.print(workload);
    Ok(())
}
