//! `nightrun db`: migrate, check, back up.

use std::process::ExitCode;

use nightrun_engine::store::{self, Writer};

use crate::cli::{Db, DbVerb};
use crate::config::{Config, Given};
use crate::failure::{Failure, Verdict};
use crate::{say, wire};

pub(crate) fn db(args: Db) -> Verdict {
    match args.verb {
        DbVerb::Migrate(data) => {
            let path = wire::database(&data_of(data)?);
            // Opening for writing is what migrates.
            Writer::open(&path).and_then(Writer::close).map_err(Failure::new)?;
            say::println(&format!("{} is as this version wants it", path.display()));
        }
        DbVerb::Check(data) => {
            let path = wire::database(&data_of(data)?);
            let findings = store::check(&path).map_err(Failure::new)?;
            for finding in &findings {
                say::println(&finding.to_string());
            }
            if !findings.is_empty() {
                return Ok(ExitCode::FAILURE);
            }
            say::println(&format!("{} is sound, and agrees with its log", path.display()));
        }
        DbVerb::Prune(args) => return super::prune::prune(args),
        DbVerb::Backup { target, data } => {
            let path = wire::database(&data_of(data)?);
            store::backup(&path, &target).map_err(Failure::new)?;
            say::println(&format!("copied to {}", target.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn data_of(data: crate::cli::Data) -> Result<std::path::PathBuf, crate::failure::Failure> {
    Ok(Config::load(Given { data: data.data, ..Given::default() })?.data)
}
