//! What every verb that looks begins with: the store of a data folder, read only.

use std::path::PathBuf;

use nightrun_core::id::RunId;
use nightrun_engine::store::{Fault, Page, Reader, RunShow};

use super::act::data_of;
use crate::cli::Data;
use crate::failure::Failure;
use crate::wire;

/// A data folder whose store is open for reading.
pub(crate) struct Looker {
    pub(crate) data: PathBuf,
    reader: Reader,
}

impl Looker {
    pub(crate) fn open(data: Data) -> Result<Self, Failure> {
        let data = data_of(data)?;
        let database = wire::database(&data);
        if !database.exists() {
            let help = "name the data folder with --data DIR; `nightrun serve` and `nightrun run --data DIR` make one";
            return Err(Failure::new(format!("there is no store in {}", data.display())).help(help));
        }
        Ok(Self { reader: Reader::open(&database).map_err(Failure::new)?, data })
    }

    /// Reads one page.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Page) -> Result<T, Fault>) -> Result<T, Failure> {
        self.reader.read_now(work).map_err(Failure::new)
    }

    /// One run whole.
    pub(crate) fn run(&self, run: i64) -> Result<RunShow, Failure> {
        let values = self.data.clone();
        let found = self.read(|page| page.run(RunId(run), Some(&values)))?;
        found.ok_or_else(|| Failure::new(format!("there is no run {run}")).help("`nightrun runs` lists them"))
    }
}
