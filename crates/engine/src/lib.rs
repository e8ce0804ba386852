//! Stopover's engine: apply and rehearse, one engine for every front end.
