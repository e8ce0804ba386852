//! The traits that Stopover's engine needs from a database.
