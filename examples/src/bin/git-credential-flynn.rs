//! A credential helper for git: answers with the key of the cluster that git pushes to.
//!
//! On the search path, `git config --global credential.https://git.example.com.helper flynn` is
//! all it takes; elsewhere, its absolute path does. It reads `~/.flynnrc` (or `$FLYNNRC`) and the
//! tokens of `flynn login`, and never asks and never writes anything.

use std::io::{self, Write as _};
use std::process::ExitCode;

use flynn_config::credential::{Credential, Operation, answer};
use flynn_config::{Error, FlynnRc, Locations};
use flynn_examples::output;

const USAGE: &str = "\
usage: git-credential-flynn get|store|erase

git calls it: git config --global credential.https://git.example.com.helper flynn";

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1);
    let operation = match argument.map(|text| text.to_string_lossy().into_owned()) {
        Some(argument) if !argument.starts_with('-') => argument,
        Some(help) if help == "-h" || help == "--help" => {
            return match output::line(USAGE) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let done = respond(Operation::from_argument(&operation)).map_err(|e| e.to_string());
    let written = done.and_then(|answer| {
        let mut output = io::stdout().lock();
        let written = answer.map_or(Ok(()), |answer| answer.write(&mut output));
        written.and_then(|()| output.flush()).map_err(|e| e.to_string())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // git shows this and asks the next helper.
        Err(message) => {
            eprintln!("git-credential-flynn: {message}");
            ExitCode::FAILURE
        }
    }
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
