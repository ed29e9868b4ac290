//! Who asks, and how they prove it: the socket of the owner, a bearer token, or the session of a browser.
//! What each of them may do is said by the table of routes.

pub(crate) mod admins;
mod gate;
mod session;
pub(crate) mod stream;
mod throttle;
mod who;

pub use gate::Access;
pub(crate) use gate::{Gate, Refused};
pub(crate) use throttle::Throttled;
pub(crate) use who::Who;
pub use who::{ACTS_AS, Owner};
