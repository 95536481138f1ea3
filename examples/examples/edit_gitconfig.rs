//! Lets git use the system's authorities for a cluster: shows the change of `~/.gitconfig`, then makes it.
//!
//! `cargo run -p flynn-examples --example edit_gitconfig -- https://git.example.com`

use anyhow::Context as _;
use flynn_config::{BlockChange, Error, GitConfig, Locations};

fn main() -> anyhow::Result<()> {
    let url = std::env::args().nth(1).context("usage: edit_gitconfig URL")?;
    let locations = Locations::from_env()?;

    // If the certificate is publicly trusted, remove the CA file, otherwise git refuses the server.
    let config = GitConfig::load(locations.gitconfig())?;
    let plan = config.plan(&url, BlockChange::DropCa)?;
    print!("{plan}"); // a diff; nothing is written yet
    for setting in plan.out_of_reach() {
        println!("{} is also set in an included file", setting.key);
    }

    // Takes git's lock, reads the file again and replaces it in one step. Every other byte stays.
    GitConfig::edit(locations.gitconfig(), |git| git.apply(&plan)).map_err(|error: Error| error)?;
    Ok(())
}
