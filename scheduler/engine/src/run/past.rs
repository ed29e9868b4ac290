//! Requests about what is over come with what the store holds of it: each in a turn of its own, so that
//! nothing decided meanwhile is missing there.

use nightrun_core::decide::Event;

use super::Parts;
use crate::store::{self, StoreError};

/// True when a request may be about something that the core has forgotten.
pub(super) fn asks_the_past(event: &Event) -> bool {
    matches!(
        event,
        Event::ClearRequested { .. }
            | Event::MarkRequested { .. }
            | Event::NoteRequested { .. }
            | Event::BackfillRequested { .. }
            | Event::RunRecalled { .. }
    )
}

/// Puts into a request what the store holds.
pub(super) fn fill(event: &mut Event, parts: &Parts) -> Result<(), StoreError> {
    let path = parts.writer.path();
    match event {
        Event::ClearRequested { run, request, row } => {
            let stored = store::load_run(path, *run, |source| (parts.parse)(source))?;
            *row = stored.filter(|row| row.state.is_final()).map(Box::new);
            request.waiters = store::waiters_of(path, *run, |source| (parts.parse)(source))?;
        }
        Event::MarkRequested { run, row, .. }
        | Event::NoteRequested { run, row, .. }
        | Event::RunRecalled { run, row, .. } => {
            let stored = store::load_run(path, *run, |source| (parts.parse)(source))?;
            *row = stored.filter(|row| row.state.is_final()).map(Box::new);
        }
        Event::BackfillRequested { dag, request, past } => {
            *past = store::past_of(path, dag, request.from, request.to)?;
        }
        _ => {}
    }
    Ok(())
}
