//! Stopover's PostgreSQL backend.
