//! A credential helper for git: answers with the key of the cluster that git pushes to.
//!
//! On the search path, `git config --global credential.https://git.example.com.helper flynn` is
//! all it takes; elsewhere, its absolute path does. It reads `~/.flynnrc` (or `$FLYNNRC`) and the
//! tokens of `flynn login`, and never asks and never writes anything.

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

/// Answers git with the key of the cluster in your ~/.flynnrc that it pushes to.
///
/// git calls it: git config --global <credential.https://git.example.com.helper> flynn
#[derive(Parser)]
#[command(name = "git-credential-flynn")]
struct Options {
    /// get, store or erase; only `get` does something
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
        // Written at once: git must not take half an answer.
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
