//! A git credential helper that answers with the key of the cluster.
//!
//! If it is on the `PATH`, run `git config --global credential.https://git.example.com.helper flynn`; otherwise, use
//! its absolute path. It reads `~/.flynnrc` (or `$FLYNNRC`) and the tokens of `flynn login`. It never asks for input
//! and never writes a file.

#![allow(clippy::doc_markdown, reason = "doc comments of options are the text of --help")]

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use flynn_config::credential::{Credential, Operation, answer};
use flynn_config::{Error, FlynnRc, Locations};
use flynn_examples::cli::{self, WrongCall};
use flynn_examples::output;

/// Answers git's credential requests with the key of the cluster in your ~/.flynnrc.
///
/// git calls it: git config --global <credential.https://git.example.com.helper> flynn
#[derive(Parser)]
#[command(name = "git-credential-flynn")]
struct Options {
    /// get, store or erase; store and erase do nothing
    operation: OsString,
}

fn main() -> ExitCode {
    match cli::parse::<Options>(WrongCall::OneLine) {
        // git shows the error and asks the next helper.
        Ok(options) => output::exit("git-credential-flynn", run(&options)),
        Err(status) => status,
    }
}

fn run(options: &Options) -> Result<ExitCode> {
    let operation = Operation::from_argument(&options.operation.to_string_lossy());
    if let Some(credential) = respond(operation)? {
        // Write everything at once, so that git never reads a part of an answer.
        let mut message = Vec::new();
        credential.write(&mut message).context("cannot answer")?;
        output::write(&message)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn respond(operation: Operation) -> Result<Option<Credential>, Error> {
    let asked = Credential::read(io::stdin().lock())?;
    if operation != Operation::Get {
        return Ok(None);
    }
    let locations = Locations::from_env()?;
    let rc = match FlynnRc::load(locations.flynnrc()) {
        Err(e) if e.is_not_found() => return Ok(None),
        rc => rc?,
    };
    answer(operation, &asked, &rc, &locations.tokens())
}
