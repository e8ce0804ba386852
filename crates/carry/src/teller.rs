//! Events from several places at once, to one sink.

use std::sync::{Mutex, PoisonError};

use stopover_model::{Event, EventSink};

/// A sink that may be told from several places.
pub(crate) struct Teller<'a>(Mutex<&'a mut dyn EventSink>);

impl<'a> Teller<'a> {
    pub(crate) const fn new(sink: &'a mut dyn EventSink) -> Self {
        Self(Mutex::new(sink))
    }

    pub(crate) fn tell(&self, event: Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).emit(event);
    }
}
