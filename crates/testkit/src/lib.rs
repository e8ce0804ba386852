//! Tests' own servers and databases.
